/** Given a real API server with its controllers, and the webhook in front of it: pods get sidecars, and every launch leads to its person. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { adminPost, applyFence, NAMESPACE, startAdmission, type AdmissionWorld, type PodObject } from './admission-world.js';
import { until } from '../harness/until.js';

interface Workload {
  metadata: { name: string; generation: number; annotations?: Record<string, string> };
  spec: { template: { metadata: { annotations?: Record<string, string> } } };
}

const template = (image = 'planner:1') => ({
  metadata: { labels: { app: 'planner' } },
  spec: { serviceAccountName: 'agents', restartPolicy: 'Never', containers: [{ name: 'agent', image }] },
});
const job = (name: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: NAMESPACE },
  spec: { template: template() },
});
const deployment = (image?: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'planner', namespace: NAMESPACE },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'planner' } },
    template: { ...template(image), spec: { ...template(image).spec, restartPolicy: 'Always' } },
  },
});

const text = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const quantity = fc.constantFrom('100m', '0.5', '1', '2');
const anyContainer = fc.record(
  {
    image: text,
    command: fc.array(text, { maxLength: 2 }),
    env: fc.uniqueArray(
      fc.record({ name: fc.constantFrom('PGHOST', 'JAVA_TOOL_OPTIONS', 'SSL_CERT_FILE', 'HTTP_PROXY', 'OTHER'), value: text }),
      { selector: ({ name }) => name },
    ),
    ports: fc.uniqueArray(fc.record({ containerPort: fc.integer({ min: 1, max: 15000 }) }), {
      selector: ({ containerPort }) => containerPort,
      maxLength: 3,
    }),
    resources: fc.record({
      requests: fc.record({ cpu: quantity }),
      limits: fc.record({ memory: fc.constantFrom('128Mi', '1.5Gi', '1000000000') }),
    }),
    securityContext: fc.constantFrom(
      {},
      { runAsUser: 1000 },
      { runAsUser: 0 },
      { capabilities: { add: ['NET_RAW'] } },
      { readOnlyRootFilesystem: true },
      { seccompProfile: { type: 'Unconfined' } },
    ),
    volumeMounts: fc.constantFrom(
      [],
      [{ name: 'data', mountPath: '/data' }],
      [{ name: 'data', mountPath: '/data', subPath: 'x', readOnly: true }],
    ),
    livenessProbe: fc.constantFrom({ exec: { command: ['true'] } }, { httpGet: { path: '/', port: 80 } }, { tcpSocket: { port: 1 } }),
    lifecycle: fc.constant({ preStop: { exec: { command: ['true'] } } }),
    terminationMessagePolicy: fc.constantFrom('File', 'FallbackToLogsOnError'),
  },
  { requiredKeys: ['image'] },
);
const named = (prefix: string, containers: object[]): object[] => containers.map((each, index) => ({ name: `${prefix}${index}`, ...each }));
const anyInit = anyContainer.map(({ livenessProbe: _livenessProbe, lifecycle: _lifecycle, ...rest }) => rest);
const anyPod = fc
  .record({
    containers: fc.array(anyContainer, { minLength: 1, maxLength: 4 }).map((list) => named('c', list)),
    initContainers: fc.array(anyInit, { maxLength: 3 }).map((list) => named('i', list)),
    more: fc.record(
      {
        restartPolicy: fc.constantFrom('Always', 'Never', 'OnFailure'),
        terminationGracePeriodSeconds: fc.nat({ max: 60 }),
        securityContext: fc.constantFrom({ fsGroup: 2000 }, { runAsUser: 1000, runAsNonRoot: true }, { supplementalGroups: [5] }),
        tolerations: fc.constant([{ operator: 'Exists' }]),
        dnsPolicy: fc.constantFrom('ClusterFirst', 'Default'),
        enableServiceLinks: fc.boolean(),
        automountServiceAccountToken: fc.boolean(),
        hostUsers: fc.boolean(),
        nodeSelector: fc.constant({ disk: 'ssd' }),
        topologySpreadConstraints: fc.constant([
          { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
        ]),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ more, ...lists }) => ({
    ...more,
    // In a user namespace of its own a pod names its user, or it is refused.
    ...(more.hostUsers === false ? { securityContext: { ...more.securityContext, runAsUser: 1000 } } : {}),
    ...lists,
    volumes: [{ name: 'data', emptyDir: {} }],
  }));

describe('admission on a real API server', { timeout: 300_000 }, () => {
  const shared = sharedApiServer();
  let world: AdmissionWorld;
  let alice: string;
  let bob: string;

  before(async () => {
    world = await startAdmission(shared());
    await applyFence(shared());
    await world.connect();
    alice = await shared().user('alice@example.com', ['analysts']);
    bob = await shared().user('bob@example.com');
  });
  after(async () => {
    await world.close();
  });

  const apply = (object: object, as: string): Promise<string> =>
    shared().kubectl(['apply', '-f', '-'], { input: JSON.stringify(object), as });
  const pods = async (selector: string): Promise<PodObject[]> =>
    (await shared().get<{ items: PodObject[] }>('pods', '-n', NAMESPACE, '-l', selector)).items;
  const podOf = (selector: string): Promise<PodObject> => until(`a pod of ${selector}`, async () => (await pods(selector))[0]);
  const sets = async (): Promise<Workload[]> => (await shared().get<{ items: Workload[] }>('replicasets', '-n', NAMESPACE)).items;

  test("a Deployment's pods have their sidecar and lead to the person; a scale and a label roll nothing, an edit is its author's", async () => {
    await apply(deployment(), alice);
    const pod = await podOf('app=planner');
    assert.deepEqual(
      pod.spec.initContainers?.map(({ name }) => name),
      ['cairn-capture', 'cairn-sidecar'],
    );
    assert.equal(pod.metadata.labels?.['cairn.dev/agent'], 'planner');
    assert.equal((await world.grantOn(pod)).principal.name, 'alice@example.com');
    await shared().kubectl(['scale', 'deployment/planner', '--replicas=2', '-n', NAMESPACE], { as: bob });
    await shared().kubectl(['label', 'deployment/planner', 'team=x', '-n', NAMESPACE], { as: bob });
    const both = await until('two pods', async () => {
      const list = await pods('app=planner');
      return list.length === 2 && list;
    });
    assert.equal((await sets()).length, 1, 'nothing rolled');
    for (const each of both) assert.equal((await world.grantOn(each)).principal.name, 'alice@example.com');
    await apply(deployment('planner:2'), bob);
    const rolled = await until('a pod of the new template', async () => {
      const grants = await Promise.all((await pods('app=planner')).map((each) => world.grantOn(each)));
      return grants.find(({ principal }) => principal.name === 'bob@example.com');
    });
    assert.equal(rolled.owner?.kind, 'Deployment');
    await shared().kubectl(['delete', 'deployment', 'planner', '-n', NAMESPACE]);
  });

  test('an agent that creates a Job that creates a Job: depth 3 with the person at the root, and no deeper', async () => {
    await apply(job('first'), alice);
    const first = await podOf('job-name=first');
    await world.launch(first);
    await apply(job('second'), await world.asPod(first));
    const second = await podOf('job-name=second');
    await world.launch(second);
    await apply(job('third'), await world.asPod(second));
    const third = await podOf('job-name=third');
    const node = await world.launch(third);
    assert.deepEqual([node.launch.depth, node.root.name], [3, 'alice@example.com']);
    assert.deepEqual(node.launch.path, ['research/first', 'research/second', 'research/third']);
    const deeper = await shared().tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(job('fourth')), as: await world.asPod(third) });
    assert.match(deeper.stderr, /identity\.maxDepth allows 3 \(depth\)/);
    const loop = await shared().tryKubectl(['apply', '-f', '-'], {
      input: JSON.stringify({
        ...job('x'),
        spec: { template: { ...template(), metadata: { annotations: { 'cairn.dev/agent': 'first' } } } },
      }),
      as: await world.asPod(second),
    });
    assert.match(loop.stderr, /\(loop\)/);
  });

  test("a Job made from a CronJob by hand is its maker's", async () => {
    const spec = { schedule: '0 3 * * *', jobTemplate: { spec: { template: template() } } };
    await apply({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'nightly', namespace: NAMESPACE }, spec }, alice);
    await shared().kubectl(['create', 'job', 'by-hand', '--from=cronjob/nightly', '-n', NAMESPACE], { as: bob });
    const grant = await world.grantOn(await podOf('job-name=by-hand'));
    assert.deepEqual([grant.principal.name, grant.owner?.name], ['bob@example.com', 'by-hand']);
  });

  test('a copied grant is dropped, and a token that is not bound to a pod launches nothing as an agent', async () => {
    await apply(job('original'), alice);
    const grant = (await podOf('job-name=original')).metadata.annotations!['cairn.dev/grant']!;
    const copy = { ...job('copy'), spec: { template: { ...template(), metadata: { annotations: { 'cairn.dev/grant': grant } } } } };
    await apply(copy, bob);
    assert.equal((await world.grantOn(await podOf('job-name=copy'))).principal.name, 'bob@example.com');
    const unbound = await shared().bearer(await shared().serviceAccountToken(NAMESPACE, 'agents'));
    const refused = await shared().tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(job('unbound')), as: unbound });
    assert.match(refused.stderr, /\(unbound-token\)/);
  });

  test('what cannot be captured is refused where kubectl shows it, before any pod is made', async () => {
    const spec = { ...template().spec, hostNetwork: true };
    const refused = await shared().tryKubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ ...job('host'), spec: { template: { spec } } }),
      as: alice,
    });
    assert.match(refused.stderr, /spec\.template\.spec\.hostNetwork: .*\(host-network\)/);
    assert.ok(world.events.some(({ reason }) => reason === 'AdmissionRefused'));
  });

  test('a policy that could not be used is refused with the place of its mistake', async () => {
    const policy = {
      apiVersion: 'cairn.dev/v1alpha1',
      kind: 'AuditPolicy',
      metadata: { name: 'wrong', namespace: NAMESPACE },
      spec: {
        selector: {},
        targets: [{ name: 'orders', protocol: 'http', hosts: ['a.svc', 'A.svc'], port: 80 }],
        default: { action: 'Allow', level: 'Metadata' },
        undeclared: 'Deny',
      },
    };
    const { code, stderr } = await shared().tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(policy), as: alice });
    assert.notEqual(code, 0);
    assert.match(stderr, /declarations\.cairn\.dev.*spec\.targets\[0\]\.hosts\[1\]/s);
  });

  test('1,000 drawn pods, each valid to the API server before, are valid with their sidecars, and hold', async () => {
    const post = adminPost(shared());
    const drawn = fc.sample(anyPod, { numRuns: 1000, seed: 4 });
    const outcomes = { admitted: 0, invalid: 0 };
    const admit = async (spec: object, index: number): Promise<void> => {
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `drawn-${index}` }, spec };
      const bare = await post('/api/v1/namespaces/open/pods?dryRun=All', pod);
      const answer = await post(`/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`, pod);
      if (bare.status !== 201) return void (outcomes.invalid += 1);
      assert.equal(answer.status, 201, `${JSON.stringify(spec)}: ${String(answer.body['message'])}`);
      const { initContainers } = answer.body['spec'] as { initContainers: { name: string }[] };
      assert.ok(initContainers.slice(0, 2).some(({ name }) => name === 'cairn-sidecar'));
      outcomes.admitted += 1;
    };
    const lanes = Array.from({ length: 8 }, async (_, lane) => {
      for (let index = lane; index < drawn.length; index += 8) await admit(drawn[index]!, index);
    });
    await Promise.all(lanes);
    assert.ok(outcomes.admitted > 900, JSON.stringify(outcomes));
  });

  test('with the operator stopped nothing new starts in an enrolled namespace, and everything else does', async () => {
    await world.server.close();
    const input = JSON.stringify(job('while-down'));
    const refused = await shared().tryKubectl(['apply', '-f', '-'], { input, as: alice });
    assert.match(refused.stderr, /failed calling webhook "enrolled\.cairn\.dev"/);
    for (const namespace of ['open', 'kube-system', 'cairn-system']) {
      await shared().kubectl(['create', 'job', 'elsewhere', '--image=x', '-n', namespace]);
    }
  });
});
