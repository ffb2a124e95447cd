/** Python's client for Kubernetes through a sidecar, unchanged, and as many watches at once as a dashboard has. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { pythonWithKubernetes } from '../harness/python.js';
import { start, type Running } from '../harness/running.js';
import { NAMESPACE, startPlanner, type Planner } from './planner.js';

const AGENT = fileURLToPath(new URL('../../testdata/kubernetes/agent.py', import.meta.url));
const WATCHES = 30;

describe("Python's client for Kubernetes through a sidecar", () => {
  const server = sharedApiServer();
  let planner: Planner;
  before(async () => {
    planner = await startPlanner(server());
  });
  after(() => planner?.stop());

  const python = async (...task: [string, ...string[]]): Promise<Running> => {
    const { agentFolder } = planner.sidecar;
    const port = String(planner.sidecar.targetPort('cluster'));
    const env = { PATH: process.env['PATH'], KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: port };
    const [name, ...rest] = task;
    return start(await pythonWithKubernetes(), [AGENT, name, agentFolder, NAMESPACE, ...rest], env);
  };
  const watches = (events: AuditEvent[], stage: string): AuditEvent[] =>
    events.filter((event) => event.stage === stage && event.operation?.verb === 'watch' && isFollowed(event));

  test('creates, patches, reads, lists and deletes, is refused by a rule, and each is recorded', async () => {
    await server().kubectl(['create', 'configmap', 'kept', '-n', NAMESPACE]);
    const said = (await (await python('works')).says(/"status".*\n/))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(said[0], { data: { a: '1', b: '2' } });
    assert.deepEqual(
      (said[1]!['listed'] as string[]).filter((name) => name !== 'kube-root-ca.crt'),
      ['kept', 'python'],
    );
    assert.equal(said[2]!['status'], 403);
    assert.match(said[2]!['message'] as string, /rule "kept" of policy "cluster" denies .*somebody needs it/);

    const own = `${NAMESPACE}/configmaps/python`;
    const created = await planner.recorded('create', `${NAMESPACE}/configmaps/`);
    assert.deepEqual([created.intent.operation!.parameters!['name'], created.complete.response!.status], ['python', '201']);
    const patched = await planner.recorded('patch', own);
    assert.deepEqual(patched.intent.operation!.parameters!['sets'], ['data.b']);
    assert.equal((await planner.recorded('get', own)).complete.response!.status, '200');
    assert.ok((await planner.recorded('list', `${NAMESPACE}/configmaps/`)).complete.response!.rows! >= 2);
    assert.equal((await planner.recorded('delete', own)).complete.response!.status, '200');
    assert.equal((await planner.recorded('delete', `${NAMESPACE}/configmaps/kept`)).intent.decision!.action, 'Deny');
  });

  test(`${WATCHES} watches at once hear of each change when it happens, lists go on beside them, and each is counted`, async () => {
    const followers = await python('follows', String(WATCHES));
    const ended = once(followers.child, 'exit');
    await planner.sidecar.eventsWhen((events) => watches(events, 'intent').length === WATCHES);
    const all = Array.from({ length: WATCHES }, (_, index) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `followed-${index}`, namespace: NAMESPACE, labels: { follower: `f${index}`, followed: 'yes' } },
    }));
    await server().apply(all);
    await followers.says(/"type": "ADDED"/, WATCHES);
    await server().kubectl(['label', 'configmaps', '-n', NAMESPACE, '-l', 'followed', 'changed=yes']);
    await followers.says(/"type": "MODIFIED"/, WATCHES);
    assert.deepEqual(watches(planner.sidecar.events(), 'complete'), [], 'each is open yet');
    await server().kubectl(['delete', 'configmaps', '-n', NAMESPACE, '-l', 'followed']);
    await followers.says(/"type": "DELETED"/, WATCHES);
    assert.deepEqual(await ended, [0, null]);
    const lists = Number(/"lists": (\d+)/.exec(await followers.says(/"lists": (\d+)/))![1]);
    assert.ok(lists > 3, `${lists} lists`);

    const events = await planner.sidecar.eventsWhen((found) => watches(found, 'complete').length === WATCHES);
    const completed = watches(events, 'complete');
    assert.deepEqual(
      completed.map(({ operation, response }) => `${String(operation!.parameters!['labelSelector'])}: ${response!.rows}`).toSorted(),
      all.map(({ metadata }) => `follower=${metadata.labels.follower}: 3`).toSorted(),
    );
    assert.ok(completed.every(({ response }) => /^\d+$/.test(response!.resourceVersion!)));
    const kinds = ['pods', 'services', 'events', 'deployments.apps'].map((kind) => `${NAMESPACE}/${kind}/`);
    const listed = events.filter(
      ({ stage, operation }) => stage === 'complete' && operation?.verb === 'list' && kinds.includes(operation.resource),
    );
    assert.equal(listed.length, lists);
    assert.ok(
      listed.every(({ operation, response }) => response!.rows === (operation!.resource === kinds[0] ? 1 : 0)),
      JSON.stringify(listed[0]),
    );
  });
});

const isFollowed = ({ operation }: AuditEvent): boolean => String(operation!.parameters!['labelSelector']).startsWith('follower=');
