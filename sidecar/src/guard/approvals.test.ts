import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Approval, ApprovalRequest, ApprovalVote, Verdict } from '@cairn/crds';
import type { Attribution } from '../attribute/attribution.js';
import { OperatorError, type OperatorClient } from '../control/operator-client.js';
import { approvalGuard } from './approvals.js';
import { APPROVAL_POLL_SECONDS, HOLD_SECONDS, MAX_SUMMARY_CHARACTERS } from './limits.js';
import type { HoldRequest } from './guard.js';

const VERDICT: Verdict = {
  action: 'RequireApproval',
  policy: 'p',
  rule: 'r',
  reason: 'writes need a second pair of eyes',
  level: 'Metadata',
  delivery: 'Durable',
  mask: [],
  approval: { groups: ['leads'], minimum: 1, timeout: '1h' },
};
const root = { iss: 'https://idp', sub: 'alice', name: 'alice', groups: [], authn: 'oidc' as const };
const ALICE: Attribution = {
  method: 'serialized',
  identity: { root, launch: { id: 'l', chain: 'chain', depth: 1, path: ['n/a'] } },
  token: 't',
  candidates: undefined,
  cause: undefined,
};
const NOBODY: Attribution = { ...ALICE, method: 'none', identity: undefined, token: undefined };
const REQUEST: HoldRequest = {
  verdict: VERDICT,
  attribution: ALICE,
  operations: [{ verb: 'DELETE', resource: 'public.orders', effect: 'write' }],
  summary: 'DELETE FROM orders',
  bytes: [Buffer.from('DELETE FROM orders')],
  event: 'event',
};
const AGENT = { name: 'a', namespace: 'n' };
/** Seconds that a request is held for a single look. */
const NO_TIME = 0;

const vote = (name: string, decision: ApprovalVote['decision'], reason?: string): ApprovalVote => ({
  approver: { iss: 'https://idp', sub: name, name, groups: [] },
  decision,
  time: '2026-01-01T00:00:00Z',
  ...(reason === undefined ? {} : { reason }),
});

interface Script {
  first?: Partial<Approval>;
  later?: Partial<Approval>;
  /** What the first calls are answered. */
  fails?: Partial<Record<'requestApproval' | 'approval' | 'useApproval', Error[]>>;
}

function operator({ first = {}, later = first, fails = {} }: Script): {
  client: OperatorClient;
  calls: unknown[][];
  asked: ApprovalRequest[];
} {
  const calls: unknown[][] = [];
  const asked: ApprovalRequest[] = [];
  const basis = { id: 'id', state: 'pending', created: 'c', expires: 'tomorrow', votes: [], used: false } as unknown as Approval;
  const answer = <T>(name: keyof NonNullable<Script['fails']>, value: T, ...args: unknown[]): Promise<T> => {
    calls.push([name, ...args]);
    const error = fails[name]?.shift();
    return error ? Promise.reject(error) : Promise.resolve(value);
  };
  const client = {
    requestApproval: (request: ApprovalRequest) => {
      asked.push(request);
      return answer('requestApproval', { ...basis, ...first });
    },
    approval: (id: string, seconds: number) => answer('approval', { ...basis, ...later }, id, seconds),
    useApproval: (id: string, event: string) => answer('useApproval', undefined, id, event),
  } as unknown as OperatorClient;
  return { client, calls, asked };
}

const APPROVED: Partial<Approval> = { state: 'approved', votes: [vote('bob', 'approve'), vote('carol', 'approve')] };
const names = (calls: unknown[][]): unknown[] => calls.map(([name]) => name);

describe('a request that needs approval', () => {
  for (const [what, script, expected, called] of [
    [
      'was approved before',
      { first: APPROVED },
      { state: 'approved', id: 'id', approvers: ['bob', 'carol'], message: 'approved by bob, carol' },
      ['requestApproval', 'useApproval'],
    ],
    [
      'is approved while it is held',
      { later: APPROVED },
      { state: 'approved', id: 'id', approvers: ['bob', 'carol'], message: 'approved by bob, carol' },
      ['requestApproval', 'approval', 'useApproval'],
    ],
    [
      'is denied with a reason',
      { later: { state: 'denied', votes: [vote('bob', 'approve'), vote('carol', 'deny', 'not today')] } },
      { state: 'denied', id: 'id', approvers: ['bob'], message: 'denied by carol: not today' },
      ['requestApproval', 'approval'],
    ],
    [
      'was denied without one',
      { first: { state: 'denied', votes: [vote('carol', 'deny')] } },
      { state: 'denied', id: 'id', approvers: [], message: 'denied by carol' },
      ['requestApproval'],
    ],
    [
      'expired',
      { first: { state: 'expired' } },
      { state: 'expired', id: 'id', approvers: [], message: 'approval id expired at tomorrow' },
      ['requestApproval'],
    ],
    [
      'is still pending',
      {},
      {
        state: 'pending',
        id: 'id',
        approvers: [],
        message: 'approval id is pending until tomorrow: retry the very same request once it is approved',
      },
      ['requestApproval', 'approval'],
    ],
    [
      'cannot be asked for',
      { fails: { requestApproval: [new OperatorError(404, undefined, 'no policy')] } },
      { state: 'unavailable', id: '', approvers: [], message: 'approval could not be asked for: no policy' },
      ['requestApproval'],
    ],
    [
      'loses the operator while it is held',
      { fails: { approval: [new OperatorError(401, undefined, 'gone')] } },
      { state: 'unavailable', id: '', approvers: [], message: 'approval could not be asked for: gone' },
      ['requestApproval', 'approval'],
    ],
    [
      'finds its approval used up',
      { first: APPROVED, fails: { useApproval: [new OperatorError(409, 'used', 'used')] } },
      { state: 'denied', id: 'id', approvers: ['bob', 'carol'], message: 'approval id was used by another request' },
      ['requestApproval', 'useApproval'],
    ],
    [
      'cannot use its approval',
      { first: APPROVED, fails: { useApproval: [new OperatorError(403, undefined, 'broken')] } },
      { state: 'unavailable', id: '', approvers: [], message: 'approval could not be asked for: broken' },
      ['requestApproval', 'useApproval'],
    ],
  ] as [string, Script, unknown, string[]][]) {
    it(what, async () => {
      const { client, calls } = operator(script);
      assert.deepEqual(await approvalGuard(client, AGENT, 'db', NO_TIME).hold(REQUEST), expected);
      assert.deepEqual(names(calls), called);
    });
  }

  it('is held for as long as was said, in short polls', async () => {
    for (const [seconds, poll] of [
      [3, 3],
      [HOLD_SECONDS, APPROVAL_POLL_SECONDS],
    ] as const) {
      const { client, calls } = operator({ later: APPROVED });
      await approvalGuard(client, AGENT, 'db', seconds).hold(REQUEST);
      assert.deepEqual(calls[1], ['approval', 'id', poll]);
    }
    const { client, calls } = operator({});
    const started = performance.now();
    const { state } = await approvalGuard(client, AGENT, 'db', 1).hold(REQUEST);
    const polls = calls.filter(([name]) => name === 'approval').length;
    assert.deepEqual([state, polls > 1], ['pending', true]);
    assert.ok(performance.now() - started <= 1000, 'no longer than was said');
  });

  it('goes on with another replica of the operator', async () => {
    const gone = [new OperatorError(0, undefined, 'not reached'), new OperatorError(503, undefined, 'starting')];
    const { client, calls } = operator({
      later: APPROVED,
      fails: { requestApproval: [...gone], approval: [...gone], useApproval: [...gone] },
    });
    const { state } = await approvalGuard(client, AGENT, 'db').hold(REQUEST);
    assert.equal(state, 'approved');
    const tries = (name: string): unknown[][] => calls.filter(([called]) => called === name);
    assert.deepEqual(tries('useApproval'), Array(3).fill(['useApproval', 'id', REQUEST.event]), 'as the same event');
    assert.deepEqual([tries('requestApproval').length, tries('approval').length], [3, 3]);
  });

  it('is told why where no replica comes back in its time', async () => {
    const gone = Array.from({ length: 9 }, () => new OperatorError(0, undefined, 'not reached'));
    const { client } = operator({ fails: { requestApproval: gone } });
    const { state, message } = await approvalGuard(client, AGENT, 'db', 0.6).hold(REQUEST);
    assert.deepEqual([state, message], ['unavailable', 'approval could not be asked for: not reached']);
  });

  it('fails where something else is broken', async () => {
    const { client } = operator({ fails: { requestApproval: [new TypeError('a bug')] } });
    await assert.rejects(approvalGuard(client, AGENT, 'db').hold(REQUEST), /a bug/);
  });

  it('fails where its rule names no approvers', async () => {
    const { approval: _, ...verdict } = VERDICT;
    await assert.rejects(approvalGuard(operator({}).client, AGENT, 'db').hold({ ...REQUEST, verdict }), /rule r requires approval/);
  });

  it('tells approvers who acts, what and why', async () => {
    const { client, asked } = operator({});
    await approvalGuard(client, AGENT, 'db', NO_TIME).hold(REQUEST);
    const { digest: _, ...told } = asked[0]!;
    assert.deepEqual(told, {
      event: 'event',
      target: 'db',
      operations: REQUEST.operations,
      summary: 'DELETE FROM orders',
      actor: { root, launch: ALICE.identity!.launch, agent: AGENT },
      policy: 'p',
      rule: 'r',
      reason: VERDICT.reason,
      requirement: VERDICT.approval,
    });
  });

  it('shows approvers a summary up to its limit', async () => {
    for (const [length, shown] of [
      [MAX_SUMMARY_CHARACTERS, MAX_SUMMARY_CHARACTERS],
      [MAX_SUMMARY_CHARACTERS + 1, MAX_SUMMARY_CHARACTERS],
    ] as const) {
      const { client, asked } = operator({});
      await approvalGuard(client, AGENT, 'db', NO_TIME).hold({ ...REQUEST, summary: 'x'.repeat(length) });
      assert.equal(asked[0]?.summary.length, shown);
    }
  });
});

describe('the digest of a request', () => {
  const digest = async (change: Partial<HoldRequest>, target = 'db'): Promise<string> => {
    const { client, asked } = operator({});
    await approvalGuard(client, AGENT, target, NO_TIME).hold({ ...REQUEST, ...change });
    return asked[0]!.digest;
  };
  const bytes = (...parts: string[]): Partial<HoldRequest> => ({ bytes: parts.map((part) => Buffer.from(part)) });

  it('is a hash of lengths and parts', async () => {
    const expected = createHash('sha256').update('2:db5:chain18:DELETE FROM orders').digest('hex');
    assert.equal(await digest({}), `sha256:${expected}`);
  });

  it('is the same for the same bytes, whatever else changed', async () => {
    assert.equal(await digest({ event: 'other', summary: 'other' }), await digest({}));
  });

  it('is another for other bytes, parts, target or chain', async () => {
    const all = [
      await digest({}),
      await digest({}, 'other'),
      await digest({ attribution: NOBODY }),
      await digest(bytes('ab', 'c')),
      await digest(bytes('a', 'bc')),
      await digest(bytes('abc')),
      await digest(bytes('1:a')),
      await digest(bytes('', '1:a')),
      await digest({ bytes: [Buffer.from([0xff])] }),
      await digest({ bytes: [Buffer.from([0xfe])] }),
    ];
    assert.equal(new Set(all).size, all.length);
  });
});
