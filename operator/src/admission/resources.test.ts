import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubernetesObject } from '../inject/index.js';
import { ALICE, BOB, podUser } from '../lineage/fixture.js';
import { POLICY, startWebhook } from './fixture.js';

const object = (kind: string, spec: object): KubernetesObject => ({
  apiVersion: 'cairn.dev/v1alpha1',
  kind,
  metadata: { name: 'x', namespace: 'research' },
  spec,
});

test('a policy that could not be used is refused with every mistake and its place', async (t) => {
  const webhook = await startWebhook(t);
  const path = '/validate/resources';
  assert.ok((await webhook.ask(path, ALICE, object('AuditPolicy', POLICY.spec))).allowed);
  const rules = [{ name: 'r', match: { targets: ['absent'] }, action: 'Deny' }];
  const wrong = object('AuditPolicy', { ...POLICY.spec, rules });
  const { allowed, code, message } = await webhook.ask(path, ALICE, wrong);
  assert.deepEqual([allowed, code], [false, 'unknown-target']);
  assert.match(message, /spec\.rules\[0\]\.match\.targets\[0\]/);
  assert.ok(
    (await webhook.ask(path, ALICE, wrong, { operation: 'UPDATE', oldObject: wrong })).allowed,
    'a label on what is stored already',
  );
});

test('a revocation is signed with who asked and when, whatever they typed', async (t) => {
  const webhook = await startWebhook(t);
  const path = '/mutate/resources';
  const old = object('AgentLaunch', { agent: 'planner' });
  const asked = object('AgentLaunch', {
    agent: 'planner',
    revoked: { by: 'somebody else', time: '2000-01-01T00:00:00Z', reason: 'stolen' },
  });
  const update = { operation: 'UPDATE', oldObject: old };
  const { object: after } = await webhook.ask(path, BOB, asked, update);
  const { revoked } = after.spec as { revoked: { by: string; reason: string; time: string } };
  assert.deepEqual([revoked.by, revoked.reason], ['bob@example.com', 'stolen']);
  assert.ok(Math.abs(Date.parse(revoked.time) - Date.now()) < 60_000);
  assert.equal((await webhook.ask(path, podUser('agents', 'planner-0'), asked, update)).code, 'agent');
  assert.deepEqual((await webhook.ask(path, ALICE, after, { operation: 'UPDATE', oldObject: after })).patch, []);
});

const REQUEST = {
  digest: `sha256:${'0'.repeat(64)}`,
  event: 'event-1',
  target: 'orders',
  operations: [],
  summary: 'DELETE FROM orders',
  actor: {
    root: { iss: 'kubernetes', sub: 'carol', name: 'carol', groups: [], authn: 'kubernetes' },
    agent: { name: 'planner', namespace: 'research' },
  },
  policy: 'research',
  rule: 'writes',
  requirement: { groups: ['analysts'], minimum: 1, timeout: '30m' },
};

test("a decision becomes a signed vote of the API server's user; typed votes and agents' decisions are refused", async (t) => {
  const webhook = await startWebhook(t);
  const [mutate, validate] = ['/mutate/resources', '/validate/resources'];
  const approval = (spec: object): KubernetesObject => ({
    ...object('Approval', { request: REQUEST, votes: [], ...spec }),
    metadata: { name: 'x', namespace: 'research', uid: 'uid-x', creationTimestamp: new Date().toISOString() as never },
  });
  const old = approval({});
  const update = { operation: 'UPDATE', oldObject: old };
  const { object: after } = await webhook.ask(mutate, ALICE, approval({ decision: 'approve' }), update);
  const { votes, decision } = after.spec as { votes: { approver: { name: string }; decision: string }[]; decision?: string };
  assert.deepEqual([votes[0]?.approver.name, votes[0]?.decision, decision], ['alice@example.com', 'approve', undefined]);
  assert.ok((await webhook.ask(validate, ALICE, after, update)).allowed);
  assert.equal((await webhook.ask(mutate, BOB, approval({ decision: 'approve' }), update)).code, 'not-in-group');
  assert.equal((await webhook.ask(mutate, podUser('agents', 'planner-0'), approval({ decision: 'approve' }), update)).code, 'agent');
  const typed = approval({ votes: [{ ...votes[0], signature: 'x.y.z' }] });
  assert.equal((await webhook.ask(mutate, ALICE, typed, update)).code, 'typed-vote');
  assert.equal((await webhook.ask(validate, ALICE, typed, update)).code, 'typed-vote');
});
