import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ApprovalObject } from '@cairn/crds';
import { openKeyRing } from '../files/key-ring.js';
import type { KeyRing } from '../stores.js';
import { admitDecision, votesAreSigned } from './admit.js';
import { ApprovalRefusal, type Approver } from './decide.js';
import { approvalOf } from './object.js';
import { signedVotes } from './signature.js';

const CREATED = Date.parse('2026-11-22T10:00:00Z');
const MINUTE = 60_000;

function asked(minimum = 1): ApprovalObject {
  const root = { iss: 'https://idp.example', sub: 'u-alice', name: 'alice@example.com', groups: ['db-owners'], authn: 'oidc' };
  return {
    apiVersion: 'cairn.dev/v1alpha1',
    kind: 'Approval',
    metadata: { name: 'a-1', namespace: 'research', uid: 'uid-1', creationTimestamp: new Date(CREATED).toISOString() },
    spec: {
      request: {
        digest: `sha256:${'0'.repeat(64)}`,
        event: 'event-1',
        target: 'orders',
        operations: [],
        summary: 'INSERT 1',
        actor: {
          root,
          launch: { id: 'l', chain: 'c', depth: 2, path: ['research/planner', 'research/sql-writer'] },
          agent: { name: 'sql-writer', namespace: 'research' },
        },
        policy: 'research',
        rule: 'writes',
        requirement: { groups: ['db-owners'], minimum, timeout: '30m' },
      },
      votes: [],
    },
  };
}

const user = (name: string, groups = ['db-owners', 'system:authenticated']): Approver => ({ iss: 'kubernetes', sub: name, name, groups });
const deciding = (object: ApprovalObject, decision: 'approve' | 'deny'): ApprovalObject => ({
  ...object,
  spec: { ...object.spec, decision, reason: 'seen' },
});

async function ring(t: TestContext): Promise<KeyRing> {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-votes-'));
  t.after(() => rm(folder, { recursive: true }));
  return openKeyRing(join(folder, 'keys.json'));
}

async function stateOf(object: ApprovalObject, keys: KeyRing, now = CREATED + MINUTE): Promise<string> {
  return approvalOf(object, await signedVotes(object, keys.jwks()), now).state;
}

test("a user's decision becomes a vote in the API server's name for them, and the approval follows from it", async (t) => {
  const keys = await ring(t);
  const before = asked();
  const stored = await admitDecision(before, deciding(before, 'approve'), user('bob'), keys, CREATED + MINUTE);
  assert.equal(stored.spec.decision, undefined);
  assert.deepEqual(stored.spec.votes[0]?.approver, user('bob'));
  assert.equal(stored.spec.votes[0]?.reason, 'seen');
  assert.ok(await votesAreSigned(before, stored, keys));
  assert.equal(await stateOf(stored, keys), 'approved');
  assert.equal(await stateOf(stored, keys, CREATED + 40 * MINUTE), 'expired', 'thirty minutes after the vote');
  await keys.rotate();
  assert.equal(await stateOf(stored, keys), 'approved', 'signatures outlive a rotation');
});

const REFUSED: [string, Approver, ApprovalRefusal['code']][] = [
  ['the person at the root', user('alice@example.com'), 'self-approval'],
  ['the same person under the prefix of the API server', user('oidc:Alice@Example.com'), 'self-approval'],
  ['the same person with the issuer as prefix', user('https://idp.example#alice@example.com'), 'self-approval'],
  ['an agent of the chain', user('system:serviceaccount:research:planner'), 'self-approval'],
  ['any account of a namespace in the chain', user('system:serviceaccount:research:robot'), 'self-approval'],
  ['somebody of another group', user('dave', ['interns']), 'not-in-group'],
];

for (const [who, approver, code] of REFUSED) {
  test(`${who} may not decide`, async (t) => {
    const before = asked();
    await assert.rejects(admitDecision(before, deciding(before, 'approve'), approver, await ring(t), CREATED + MINUTE), { code });
  });
}

test('a quorum counts each person once, and nobody votes on what is decided or over', async (t) => {
  const keys = await ring(t);
  const now = CREATED + MINUTE;
  const before = asked(2);
  const once = await admitDecision(before, deciding(before, 'approve'), user('bob'), keys, now);
  assert.equal(await stateOf(once, keys), 'pending');
  await assert.rejects(admitDecision(once, deciding(once, 'approve'), user('bob'), keys, now), { code: 'already-voted' });
  const twice = await admitDecision(once, deciding(once, 'approve'), user('carol'), keys, now);
  assert.equal(await stateOf(twice, keys), 'approved');
  await assert.rejects(admitDecision(twice, deciding(twice, 'deny'), user('erin'), keys, now), { code: 'not-pending' });
  await assert.rejects(admitDecision(before, deciding(before, 'approve'), user('bob'), keys, CREATED + 31 * MINUTE), {
    code: 'not-pending',
  });
});

test('a vote that somebody typed, copied or altered is refused by admission and counts for nothing without it', async (t) => {
  const keys = await ring(t);
  const now = CREATED + MINUTE;
  const before = asked();
  const stored = await admitDecision(before, deciding(before, 'approve'), user('bob'), keys, now);
  const [vote] = stored.spec.votes;
  const withVotes = (votes: ApprovalObject['spec']['votes'], uid = 'uid-1'): ApprovalObject => ({
    ...before,
    metadata: { ...before.metadata, uid },
    spec: { ...before.spec, votes },
  });
  const typed = withVotes([{ ...vote!, signature: 'typed' }]);
  const forged = [
    typed,
    withVotes([{ ...vote!, approver: user('carol'), voter: 'kubernetes carol' }]),
    withVotes([{ ...vote!, time: new Date(CREATED + 2 * MINUTE).toISOString() }]),
    withVotes([vote!], 'uid-2'),
  ];
  for (const object of forged) {
    assert.equal(await votesAreSigned(before, object, keys), false);
    assert.equal(await stateOf(object, keys), 'pending');
  }
  await assert.rejects(admitDecision(before, typed, user('bob'), keys, now), { code: 'typed-vote' });
  await assert.rejects(admitDecision(stored, withVotes([]), user('bob'), keys, now), { code: 'typed-vote' }, 'nor is one taken back');
});

test('a vote holds once the API server has pruned what its schema does not know', async (t) => {
  const keys = await ring(t);
  const principal = { ...user('bob'), authn: 'kubernetes' };
  const { spec } = await admitDecision(asked(), deciding(asked(), 'approve'), principal, keys, CREATED + MINUTE);
  assert.deepEqual(Object.keys(spec.votes[0]!.approver).toSorted(), ['groups', 'iss', 'name', 'sub']);
  assert.equal(await stateOf({ ...asked(), spec }, keys), 'approved');
});
