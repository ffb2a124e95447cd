import assert from 'node:assert/strict';
import { before, describe, test, type TestContext } from 'node:test';
import type { AgentLaunch, ApprovalObject, AuditStream } from '@cairn/crds';
import { approvalsController, kubernetes, launchesController, streamsController } from '@cairn/operator';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';
import { following, runController } from './state-controllers.js';
import { approvalRequest, prepare, startReplicas, type Replicas } from './state-replicas.js';
import { until } from '../harness/until.js';

const DAY_MS = 86_400_000;
const ALICE = { iss: 'kubernetes', sub: 'alice', name: 'alice', groups: [], authn: 'kubernetes' as const };

interface World extends Replicas {
  readonly pods: kubernetes.Reflector<kubernetes.Pod>;
  readonly told: string[];
  readonly clock: { aheadMs: number };
}

async function startWorld(t: TestContext, server: ApiServer): Promise<World> {
  const replicas = await startReplicas(t, server);
  const { client } = replicas;
  const options = { labelSelector: 'cairn.dev/agent', indexes: { uid: ({ metadata }: kubernetes.Pod) => metadata.uid } };
  const pods = await following(t, new kubernetes.Reflector(client, kubernetes.PODS, options));
  return { ...replicas, pods, told: [], clock: { aheadMs: 0 } };
}

describe("the leader's controllers of launches, streams and approvals, on a real API server", () => {
  const shared = sharedApiServer();
  before(() => prepare(shared()));
  const approval = (id: string): Promise<ApprovalObject> => shared().get<ApprovalObject>('approval', id, '-n', 'research');

  test('an approval is told to expire, expires, and is cleared away after retention', async (t) => {
    const { one, client, workloadToken } = await startWorld(t, shared());
    const request = approvalRequest('INSERT 9', { requirement: { groups: ['db-owners'], minimum: 1, timeout: '2s' } });
    const { id } = (await (await one.post('/v1/approvals', request, await workloadToken('sql-writer'))).json()) as { id: string };
    runController(t, approvalsController({ client, state: one.state, retentionSeconds: 2 }));
    await until('the status', async () => (await approval(id)).status?.state === 'pending');
    const expired = await until('the end', async () => {
      const found = await approval(id);
      return found.status?.state === 'expired' && found;
    });
    const [condition] = expired.status!.conditions!;
    assert.deepEqual([condition?.type, condition?.status, condition?.reason], ['Decided', 'True', 'Expired']);
    assert.equal(condition?.observedGeneration, expired.metadata.generation);
    await until('the object to be gone', async () => (await shared().tryKubectl(['get', 'approval', id, '-n', 'research'])).code !== 0);
  });

  test("a stream that nobody closed is lost once its pod is gone, and the launch's coverage says so; a revoked chain goes as a whole", async (t) => {
    const world = await startWorld(t, shared());
    const { one, client, pods, clock } = world;
    const now = (): number => Date.now() + clock.aheadMs;
    await shared().apply([
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'planner-0', namespace: 'research', labels: { 'cairn.dev/agent': 'planner' } },
        spec: { containers: [{ name: 'main', image: 'registry.example/sleeper:1' }] },
      },
    ]);
    const { uid } = (await shared().get<kubernetes.Pod>('pod', 'planner-0', '-n', 'research')).metadata;
    await until('the pod to be heard of', () => Promise.resolve(pods.store.by('uid', uid!).length === 1));
    const stores = await one.state.stores(() => undefined, Date.now);
    t.after(() => stores.close());
    const pod = { namespace: 'research', name: 'planner-0', uid: uid! };
    const launch = { id: 'launch-1', chain: 'launch-1', depth: 1, path: ['research/planner'] };
    await stores.launches.record({ node: { root: ALICE, launch, ancestors: [] }, pod, agent: 'planner' });
    const time = new Date().toISOString();
    await stores.witness.register({
      stream: 'stream-1',
      certificate: 'c',
      publicKey: 'A'.repeat(43),
      pod,
      agent: 'research/planner',
      time,
    });
    await stores.witness.advance({ stream: 'stream-1', size: 4, root: 'ab'.repeat(32), time }, 'research');

    const events = { record: (_: unknown, { reason }: { reason: string }) => void world.told.push(reason) };
    runController(t, streamsController({ client, state: one.state, pods, events, clock: now }));
    runController(t, launchesController({ client, state: one.state, pods, clock: now }));
    const stream = (): Promise<AuditStream> => shared().get<AuditStream>('auditstream', 'stream-1', '-n', 'research');
    const object = (): Promise<AgentLaunch> => shared().get<AgentLaunch>('agentlaunch', 'launch-1', '-n', 'research');
    await until('an open stream', async () => (await stream()).status?.state === 'Open');
    await shared().kubectl([
      'patch',
      'agentlaunch',
      'launch-1',
      '-n',
      'research',
      '--type=merge',
      '-p',
      '{"spec":{"revoked":{"reason":"left"}}}',
    ]);
    await until('what keeps the revocation', async () => (await object()).metadata.finalizers?.includes('cairn.dev/revocation'));

    clock.aheadMs = DAY_MS / 24;
    await shared().kubectl(['delete', 'pod', 'planner-0', '-n', 'research', '--grace-period=0', '--force']);
    const lost = await until('a lost stream', async () => {
      const found = await stream();
      return found.status?.state === 'Lost' && found;
    });
    assert.match(lost.status!.conditions![0]!.message, /what came after its first 4 events was not witnessed/);
    assert.deepEqual(world.told, ['StreamLost']);
    const ended = await until("the launch's end", async () => {
      const found = await object();
      return found.status?.coverage === 'Partial' && found.status.ended !== undefined && found;
    });
    assert.deepEqual([ended.status?.streams, ended.status?.lastCheckpoint?.size], [1, 4]);

    clock.aheadMs = 60 * DAY_MS;
    await shared().kubectl(['annotate', 'agentlaunch', 'launch-1', '-n', 'research', 'looked=again']);
    await shared().kubectl(['patch', 'auditstream', 'stream-1', '-n', 'research', '--type=merge', '-p', `{"spec":{"closed":"${time}"}}`]);
    await until(
      'the launch to be gone',
      async () => (await shared().tryKubectl(['get', 'agentlaunch', 'launch-1', '-n', 'research'])).code !== 0,
    );
    await until('the stream to be marked', async () => (await stream()).metadata.labels?.['cairn.dev/archive'] === 'true');
  });
});
