import assert from 'node:assert/strict';
import { describe, before, test } from 'node:test';
import type { Approval, ApprovalObject } from '@cairn/crds';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { approvalRequest, prepare, startReplicas, startWebhook, type Replica } from './state-replicas.js';

const decide = (id: string, decision: string): string[] => [
  ...['patch', 'approval', id, '-n', 'research', '--type=merge', '-p'],
  JSON.stringify({ spec: { decision, reason: 'seen' } }),
];

async function asked(replica: Replica, text: string, token: string, more = {}): Promise<Approval> {
  const response = await replica.post('/v1/approvals', approvalRequest(text, more), token);
  assert.ok(response.ok, `${response.status} ${await response.clone().text()}`);
  return (await response.json()) as Approval;
}

describe('approvals as objects, on two replicas', () => {
  const shared = sharedApiServer({ controllerManager: false });
  before(async () => {
    await prepare(shared());
    for (const user of ['bob', 'carol', 'alice@example.com', 'dave']) {
      await shared().kubectl(['create', 'clusterrolebinding', user.split('@')[0]!, '--clusterrole=cluster-admin', `--user=${user}`]);
    }
  });

  test("Bob decides with kubectl, and the sidecar that waits at the other replica hears of it; Alice and the chain's accounts may not", async (t) => {
    const { one, other, client, workloadToken } = await startReplicas(t, shared());
    await startWebhook(t, shared(), client, one.state.keys());
    const token = await workloadToken('sql-writer');
    const { id, state } = await asked(one, 'INSERT 1', token);
    assert.equal(state, 'pending');
    const waiting = other.get(`/v1/approvals/${id}?wait=60`, token);
    const refusals: [string, string[], RegExp][] = [
      ['alice@example.com', ['db-owners'], /set the action in motion/],
      ['dave', ['interns'], /only members of db-owners/],
    ];
    for (const [name, groups, said] of refusals) {
      const { code, stderr } = await shared().tryKubectl(decide(id, 'approve'), { as: await shared().user(name, groups) });
      assert.notEqual(code, 0);
      assert.match(stderr, said);
    }
    const account = await shared().tryKubectl([
      ...decide(id, 'approve'),
      '--as=system:serviceaccount:research:planner',
      '--as-group=db-owners',
      '--as-group=system:masters',
    ]);
    assert.match(account.stderr, /set the action in motion/);
    const typed = [
      {
        voter: 'v',
        approver: { iss: 'kubernetes', sub: 'bob', name: 'bob', groups: [] },
        decision: 'approve',
        time: new Date().toISOString(),
        signature: 's',
      },
    ];
    const forged = await shared().tryKubectl([
      'patch',
      'approval',
      id,
      '-n',
      'research',
      '--type=merge',
      '-p',
      JSON.stringify({ spec: { votes: typed } }),
    ]);
    assert.match(forged.stderr, /votes are written by admission/);
    const bob = await shared().user('bob', ['db-owners']);
    await shared().kubectl(decide(id, 'approve'), { as: bob });
    const decided = (await (await waiting).json()) as Approval;
    assert.deepEqual([decided.state, decided.votes[0]?.approver.name, decided.votes[0]?.reason], ['approved', 'bob', 'seen']);
    const again = await shared().tryKubectl(decide(id, 'deny'), { as: bob });
    assert.match(again.stderr, /this is approved already/);
    const uses = await Promise.all([one, other, one, other].map((each) => each.post(`/v1/approvals/${id}/use`, {}, token)));
    assert.deepEqual(
      uses.map(({ status }) => String(status)).toSorted(),
      ['200', '409', '409', '409'],
      'used exactly once among all replicas',
    );
    const object = await shared().get<ApprovalObject>('approval', id, '-n', 'research');
    assert.equal(object.status?.used, true);
    const unused = await shared().tryKubectl([
      'patch',
      'approval',
      id,
      '-n',
      'research',
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"status":{"used":false}}',
    ]);
    assert.match(unused.stderr, /stays used/);
    assert.notEqual((await asked(other, 'INSERT 1', token)).id, id, 'the next time needs a new approval');
  });

  test('the same bytes asked at both replicas at once are one approval, and a quorum counts people', async (t) => {
    const { one, other, client, workloadToken } = await startReplicas(t, shared());
    await startWebhook(t, shared(), client, one.state.keys());
    const token = await workloadToken('sql-writer');
    const requirement = { groups: ['db-owners'], minimum: 2, timeout: '30m' };
    const same = await Promise.all([one, other, one, other].map((each) => asked(each, 'INSERT 2', token, { requirement })));
    assert.equal(new Set(same.map(({ id }) => id)).size, 1);
    const [{ id }] = same as [Approval];
    const waiting = one.get(`/v1/approvals/${id}?wait=60`, token);
    const bob = await shared().user('bob', ['db-owners']);
    await shared().kubectl(decide(id, 'approve'), { as: bob });
    const twice = await shared().tryKubectl(decide(id, 'approve'), { as: bob });
    assert.match(twice.stderr, /voted on this already/);
    await shared().kubectl(decide(id, 'approve'), { as: await shared().user('carol', ['db-owners']) });
    const decided = (await (await waiting).json()) as Approval;
    // The first vote wakes the waiting sidecar too; it asks again while the approval is pending.
    assert.equal(decided.state, 'approved');
    assert.deepEqual(decided.votes.map(({ approver }) => approver.name).toSorted(), ['bob', 'carol']);
  });

  test('a vote written past admission counts for nothing', async (t) => {
    const { one, other, workloadToken } = await startReplicas(t, shared());
    const token = await workloadToken('sql-writer');
    const { id } = await asked(one, 'INSERT 3', token);
    const typed = [
      {
        voter: 'kubernetes bob',
        approver: { iss: 'kubernetes', sub: 'bob', name: 'bob', groups: ['db-owners'] },
        decision: 'approve',
        time: new Date().toISOString(),
        signature: 'e30.e30.e30',
      },
    ];
    await shared().kubectl(['patch', 'approval', id, '-n', 'research', '--type=merge', '-p', JSON.stringify({ spec: { votes: typed } })]);
    for (const replica of [one, other]) {
      assert.equal((await replica.post(`/v1/approvals/${id}/use`, {}, token)).status, 409);
      assert.equal(((await (await replica.get(`/v1/approvals/${id}`, token)).json()) as Approval).state, 'pending');
    }
  });
});
