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

test("a decision becomes a vote of the API server's user; typed votes and agents' decisions are refused", async (t) => {
  const old = object('Approval', { request: { digest: 'd' }, votes: [] });
  const webhook = await startWebhook(t, {
    vote: async (asked, _old, approver) => {
      if (approver.name === ALICE.username)
        throw Object.assign(new Error('not on your own'), { name: 'ApprovalRefusal', code: 'self-approval' });
      return { request: asked.spec.request, votes: [...asked.spec.votes, { voter: approver.name }] } as never;
    },
  });
  const path = '/mutate/resources';
  const update = { operation: 'UPDATE', oldObject: old };
  const decided = object('Approval', { request: { digest: 'other bytes' }, votes: [{ voter: 'forged' }], decision: 'approve' });
  const { object: after } = await webhook.ask(path, BOB, decided, update);
  assert.deepEqual(after.spec, { request: { digest: 'd' }, votes: [{ voter: 'bob@example.com' }] });
  assert.equal((await webhook.ask(path, ALICE, decided, update)).code, 'self-approval');
  assert.equal((await webhook.ask(path, podUser('agents', 'planner-0'), decided, update)).code, 'agent');
  const typed = object('Approval', { request: { digest: 'd' }, votes: [{ voter: 'forged' }] });
  assert.equal((await webhook.ask(path, BOB, typed, update)).code, 'votes');
  const unserved = await startWebhook(t);
  assert.equal((await unserved.ask(path, BOB, decided, update)).code, 'unavailable');
});
