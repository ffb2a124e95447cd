/** A person's Job, whose agent makes a Job, whose agent makes a Job: real admission, real tokens, the operator as a process. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { AgentLaunch } from '@cairn/crds';
import { CHART, NAMESPACE, RELEASE } from '../chart/repository.js';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';
import { startOperator, type Answer, type OperatorProcess } from '../harness/operator.js';
import { until } from './until.js';
import { connectWebhooks, startFront } from './webhook-front.js';

interface Pod {
  metadata: { name: string; uid: string; annotations: Record<string, string>; labels: Record<string, string> };
}

const ALICE = 'alice@example.com';
const TYPE = 'urn:ietf:params:oauth:token-type:';

const job = (name: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: 'research' },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'agent', image: 'registry.example/agent:1' }] } } },
});

const POLICY = {
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name: 'research', namespace: 'research' },
  spec: { identity: { maxDepth: 3 } },
};

describe('a chain of Jobs on a real API server', () => {
  const shared = sharedApiServer();
  const ends: (() => Promise<void>)[] = [];
  const scope = { after: (end: () => Promise<void>) => void ends.push(end) };
  let server: ApiServer;
  let operator: OperatorProcess;
  let ca: string;
  let pods: Pod[];

  before(async () => {
    server = shared();
    await server.helm(['install', RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace']);
    await server.kubectl(['wait', '--for=condition=Established', 'crd', '-l', 'app.kubernetes.io/name=cairn', '--timeout=30s']);
    const kubeconfig = await server.bearer(await server.serviceAccountToken(NAMESPACE, 'cairn-operator', { seconds: 3600 }));
    operator = await startOperator(scope, { podName: 'cairn-operator-one', namespace: NAMESPACE, kubeconfig });
    await connectWebhooks(server, await startFront(scope, () => [operator.ports.admission]));
    await server.kubectl(['create', 'namespace', 'research']);
    await server.kubectl(['label', 'namespace', 'research', 'cairn.dev/enroll=true']);
    await server.apply([POLICY]);
    for (const subject of [`--user=${ALICE}`, '--serviceaccount=research:default']) {
      const name = subject.includes('user') ? 'people' : 'agents';
      await server.kubectl(['create', 'rolebinding', name, '-n', 'research', '--clusterrole=edit', subject]);
    }
    ca = await until('the CA', async () => {
      const { data } = await server.get<{ data: { 'ca.crt': string } }>('configmap', 'cairn-ca', '-n', 'research');
      return data['ca.crt'];
    });
    await until('the service account', () => server.get('serviceaccount', 'default', '-n', 'research'));
  });
  test.after(async () => {
    for (const end of ends) await end();
  });

  /** The pod that the Job's controller made. */
  async function podOf(name: string): Promise<Pod> {
    return until(`the pod of ${name}`, async () => {
      const { items } = await server.get<{ items: Pod[] }>('pods', '-n', 'research', '-l', `batch.kubernetes.io/job-name=${name}`);
      return items[0];
    });
  }

  /** What the pod's sidecar does at its start. */
  async function launch({ metadata: { name, annotations } }: Pod, grant = annotations['cairn.dev/grant']!): Promise<Answer> {
    const actor = await server.serviceAccountToken('research', 'default', { pod: name, audience: 'cairn.dev' });
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: grant,
      subject_token_type: `${TYPE}jwt`,
      actor_token: actor,
      actor_token_type: `${TYPE}jwt`,
    };
    return operator.ask('/oauth2/token', { ca, form });
  }

  const asPod = async ({ metadata: { name } }: Pod): Promise<string> =>
    server.bearer(await server.serviceAccountToken('research', 'default', { pod: name }));

  test('leads, at depth three, to the person who made the first', async () => {
    let as = await server.user(ALICE, ['analysts']);
    pods = [];
    for (const name of ['first', 'second', 'third']) {
      await until(name, async () => (await server.tryKubectl(['create', '-f', '-'], { as, input: JSON.stringify(job(name)) })).code === 0);
      const pod = await podOf(name);
      assert.equal(pod.metadata.labels['cairn.dev/agent'], name);
      const { status, body } = await launch(pod);
      assert.equal(status, 200, body);
      pods.push(pod);
      as = await asPod(pod);
    }
    const { items } = await server.get<{ items: AgentLaunch[] }>('agentlaunches', '-n', 'research');
    const chain = items.toSorted((a, b) => a.spec.launch.depth - b.spec.launch.depth).map(({ spec }) => spec);
    assert.deepEqual(
      chain.map(({ root, launch: { depth, path } }) => [root.name, depth, path.at(-1)]),
      [
        [ALICE, 1, 'research/first'],
        [ALICE, 2, 'research/second'],
        [ALICE, 3, 'research/third'],
      ],
    );
    assert.ok(chain[0]!.root.groups.includes('analysts'));
    assert.equal(chain[2]!.launch.parent, chain[1]!.launch.id);
    assert.equal(chain[2]!.launch.chain, chain[0]!.launch.id);
  });

  test('a fourth is refused: the policy lets chains be three deep', async () => {
    const fourth = await server.tryKubectl(['create', '-f', '-'], { as: await asPod(pods[2]!), input: JSON.stringify(job('fourth')) });
    assert.equal(fourth.code, 1);
    assert.match(fourth.stderr, /depth/);
  });

  test("another pod's grant is good for nothing", async () => {
    const { status, body } = await launch(pods[1]!, pods[0]!.metadata.annotations['cairn.dev/grant']);
    assert.equal(status, 400, body);
    assert.match(body, /the grant is for/);
  });
});
