import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { AgentLaunch } from '@cairn/crds';
import { createLaunchVerifier, type Revocation } from '@cairn/identity';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { ISSUER, prepare, startReplicas, startWebhook, type Replica } from './state-replicas.js';
import { until } from '../harness/until.js';

const ALICE = { iss: 'kubernetes', sub: 'alice', name: 'alice', groups: ['analysts'], authn: 'kubernetes' as const };
/** As the issue has it: a revocation ends everything within two seconds. */
const REVOKED_MS = 2000;

/** A launch of the planner that Alice began. */
async function launched(replica: Replica, id: string): Promise<{ token: string; launch: string }> {
  const grant = await replica.service.grant({ principal: ALICE, namespace: 'research', agent: 'planner' }, id, 600);
  const { access_token: token, ...answer } = await replica.exchange(grant, 'jwt', 'planner');
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return { token, launch: await launchIn(replica, token) };
}

async function launchIn(replica: Replica, token: string): Promise<string> {
  const verifier = createLaunchVerifier({ issuer: ISSUER, jwks: () => replica.service.jwks() });
  return (await verifier.verify(token)).launch.id;
}

async function revocations(replica: Replica, after: number, token: string): Promise<Revocation[]> {
  const response = await replica.get(`/v1/revocations?after=${after}&wait=30`, token);
  return ((await response.json()) as { revocations: Revocation[] }).revocations;
}

describe('launches as objects, on two replicas', () => {
  const shared = sharedApiServer({ controllerManager: false });
  before(() => prepare(shared()));

  test('minting records the launch once, whichever replica is asked, and the record has no owner that could take it along', async (t) => {
    const { one, other } = await startReplicas(t, shared());
    const grant = await one.service.grant({ principal: ALICE, namespace: 'research', agent: 'planner' }, 'workload-1', 600);
    const exchanged = await Promise.all([one, other, one, other].map((each) => each.exchange(grant, 'jwt', 'planner')));
    assert.deepEqual(
      exchanged.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    const ids = await Promise.all(exchanged.map(({ access_token }) => launchIn(other, access_token)));
    assert.equal(new Set(ids).size, 1);
    const child = await other.exchange(exchanged[0]!.access_token, 'txn_token', 'researcher');
    const grandchild = await one.exchange(child.access_token, 'txn_token', 'sql-writer');
    const object = await shared().get<AgentLaunch>('agentlaunch', await launchIn(one, grandchild.access_token), '-n', 'research');
    assert.deepEqual(object.spec.launch.path, ['research/planner', 'research/researcher', 'research/sql-writer']);
    assert.deepEqual([object.spec.root.name, object.spec.launch.depth, object.spec.policy], ['alice', 3, 'research']);
    assert.deepEqual(object.spec.ancestors, [ids[0], await launchIn(one, child.access_token)]);
    assert.equal((object.metadata as { ownerReferences?: unknown }).ownerReferences, undefined);
    const altered = await shared().tryKubectl([
      'patch',
      'agentlaunch',
      ids[0]!,
      '-n',
      'research',
      '--type=merge',
      '-p',
      '{"spec":{"root":{"name":"mallory"}}}',
    ]);
    assert.match(altered.stderr, /who launched what cannot be changed/);
  });

  test('a revocation by kubectl reaches waiting sidecars at both replicas within two seconds and ends the whole subtree', async (t) => {
    const { one, other, client, workloadToken } = await startReplicas(t, shared());
    await startWebhook(t, shared(), client, one.state.keys());
    const { token, launch } = await launched(one, 'workload-2');
    const child = await other.exchange(token, 'txn_token', 'researcher');
    const sidecar = await workloadToken('researcher');
    const waiting = [one, other].map((each) => revocations(each, 0, sidecar));
    const began = performance.now();
    await shared().kubectl([
      'patch',
      'agentlaunch',
      launch,
      '-n',
      'research',
      '--type=merge',
      '-p',
      '{"spec":{"revoked":{"reason":"left","by":"somebody else"}}}',
    ]);
    for (const told of await Promise.all(waiting)) {
      assert.deepEqual(
        told.map(({ launch: id, by, reason }) => [id, by, reason]),
        [[launch, 'kubernetes-admin', 'left']],
      );
    }
    assert.ok(performance.now() - began < REVOKED_MS, `${performance.now() - began} ms`);
    for (const replica of [one, other]) {
      const again = await replica.exchange(child.access_token, 'txn_token', 'sql-writer');
      assert.deepEqual([again.status, again.code], [400, 'revoked']);
      const renewed = await replica.exchange(token, 'txn_token', 'researcher');
      assert.equal(renewed.code, 'revoked');
    }
    const undone = await shared().tryKubectl([
      'patch',
      'agentlaunch',
      launch,
      '-n',
      'research',
      '--type=merge',
      '-p',
      '{"spec":{"revoked":null}}',
    ]);
    assert.match(undone.stderr, /stays revoked/);
  });

  test('a revocation by the service at one replica is in force at the other and at one that starts later, under the same number', async (t) => {
    const { one, other, start, workloadToken } = await startReplicas(t, shared());
    const { launch } = await launched(one, 'workload-3');
    const sidecar = await workloadToken('researcher');
    const known = await revocations(one, 0, sidecar).then((list) => Math.max(0, ...list.map(({ number }) => number)));
    const waiting = revocations(other, known, sidecar);
    const entry = await one.service.revoke(launch, 'carol', 'over');
    assert.deepEqual(await waiting, [entry]);
    assert.deepEqual(await other.service.revoke(launch, 'dave'), entry, 'it keeps its first entry');
    const later = await start();
    const told = (await revocations(later, known, sidecar)).map(({ launch: id }) => id);
    assert.deepEqual(told, [launch]);
    await assert.rejects(one.service.revoke('0196f1a0-0000-7000-8000-000000000000', 'carol'), { code: 'unknown-launch' });
  });

  test('deleting the record of a revoked launch does not bring it back to life', async (t) => {
    const { one, other } = await startReplicas(t, shared());
    const { token, launch } = await launched(one, 'workload-4');
    await one.service.revoke(launch, 'carol');
    await shared().kubectl(['delete', 'agentlaunch', launch, '-n', 'research', '--wait=false']);
    await until(
      'the deletion',
      async () => (await shared().get<AgentLaunch>('agentlaunch', launch, '-n', 'research')).metadata.deletionTimestamp,
    );
    for (const replica of [one, other]) assert.equal((await replica.exchange(token, 'txn_token', 'researcher')).code, 'revoked');
  });
});
