/** Given the fence alone, with the operator stopped and its webhooks removed: none of the ways around a sidecar is open. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { parsePolicies } from '@cairn/crds';
import { DEFAULT_SETTINGS, inject, SIDECAR_UIDS, type Container, type KubernetesObject, type PodSpec } from '@cairn/operator';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { applyFence, NAMESPACE, POLICY, startAdmission } from './admission-world.js';

interface FencedPod {
  apiVersion: 'v1';
  kind: 'Pod';
  metadata: { name: string; namespace: string; labels: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

/** A pod as injection renders it. */
function injected(name: string, capture = 'transparent', policy = POLICY): FencedPod {
  const spec = {
    serviceAccountName: 'agents',
    containers: [{ name: 'agent', image: 'planner:1' }],
    initContainers: [{ name: 'setup', image: 'setup:1' }],
  };
  const metadata = { name, namespace: NAMESPACE, labels: { app: 'planner' }, annotations: { 'cairn.dev/capture': capture } };
  const object: KubernetesObject = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
  const { policies } = parsePolicies(policy, 'policy.yaml');
  const context = { policies, settings: DEFAULT_SETTINGS, enrolled: true, namespace: NAMESPACE, sidecarUid: SIDECAR_UIDS.first + 7 };
  return inject(object, context).object as FencedPod;
}

const named = (pod: FencedPod, name: string): Container =>
  [...pod.spec.initContainers!, ...pod.spec.containers].find((each) => each.name === name)!;
const sidecar = (pod: FencedPod): Container => named(pod, 'cairn-sidecar');
const agent = (pod: FencedPod): Container => named(pod, 'agent');
const variable = (container: Container, name: string): { value?: string } => container.env!.find((each) => each.name === name)!;

/** Every way in, as a change of a pod that would be accepted, and what the refusal says. */
const WAYS: [string, (pod: FencedPod) => void, RegExp][] = [
  ['no sidecar', (pod) => void (pod.spec.initContainers = []), /has the sidecar/],
  ['no label', (pod) => void delete pod.metadata.labels['cairn.dev/agent'], /carries the label/],
  ["a program of one's own as sidecar", (pod) => void (sidecar(pod).image = 'evil:1'), /has the sidecar/],
  ['another command in the sidecar', (pod) => void (sidecar(pod).command = ['sleep', '1d']), /has the sidecar/],
  ['arguments for the sidecar', (pod) => void (sidecar(pod).args = ['x']), /has the sidecar/],
  [
    "code by the sidecar's environment",
    (pod) => void sidecar(pod).env!.push({ name: 'NODE_OPTIONS', value: '--require /x' }),
    /has the sidecar/,
  ],
  ['another operator', (pod) => void (variable(sidecar(pod), 'CAIRN_OPERATOR_URL').value = 'https://evil'), /has the sidecar/],
  ['other addresses of targets', (pod) => void sidecar(pod).env!.push({ name: 'CAIRN_RESOLVE_FILE', value: '/x' }), /has the sidecar/],
  [
    'a sidecar that ends',
    (pod) => ['restartPolicy', 'startupProbe'].forEach((key) => delete (sidecar(pod) as unknown as Record<string, unknown>)[key]),
    /has the sidecar/,
  ],
  ["the sidecar as anybody's UID", (pod) => void (sidecar(pod).securityContext!.runAsUser = 1000), /has the sidecar/],
  [
    "capture that exempts the agent's UID",
    (pod) => void (variable(named(pod, 'cairn-capture'), 'CAIRN_SIDECAR_UID').value = '1000'),
    /capture container/,
  ],
  ['a capture of another image', (pod) => void (named(pod, 'cairn-capture').image = 'evil:1'), /capture container/],
  ['a container before the sidecar', (pod) => void pod.spec.initContainers!.reverse(), /starts before/],
  ['a capability', (pod) => void (agent(pod).securityContext!.capabilities!.add = ['NET_ADMIN']), /drop all capabilities/],
  ['capabilities kept', (pod) => void delete agent(pod).securityContext!.capabilities, /drop all capabilities/],
  [
    'new privileges',
    (pod) => void (agent(pod).securityContext!.allowPrivilegeEscalation = true),
    /drop all capabilities|allowPrivilegeEscalation/,
  ],
  ['privileged', (pod) => void (named(pod, 'setup').securityContext = { privileged: true }), /drop all capabilities/],
  ["the sidecar's UID", (pod) => void (agent(pod).securityContext!.runAsUser = SIDECAR_UIDS.first + 7), /drop all capabilities/],
  ["the sidecar's UID for the pod", (pod) => void (pod.spec.securityContext = { runAsUser: DEFAULT_SETTINGS.sidecarUid }), /pod's user/],
  ["a user namespace, in which the sidecar's user is known", (pod) => void (pod.spec.hostUsers = false), /names its user/],
  ["the node's network", (pod) => void (pod.spec.hostNetwork = true), /node's namespaces/],
  ["the node's processes", (pod) => void (pod.spec.hostPID = true), /node's namespaces/],
  ['one process namespace', (pod) => void (pod.spec.shareProcessNamespace = true), /node's namespaces/],
  ["the node's files", (pod) => void pod.spec.volumes!.push({ name: 'node', hostPath: { path: '/' } }), /folders of its node/],
  [
    'the token of the service account',
    (pod) => void (pod.spec.automountServiceAccountToken = true),
    /has the sidecar|no token of its service account|tokens of the API server/,
  ],
  [
    'a token of the API server',
    (pod) => void pod.spec.volumes!.push({ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }),
    /tokens of the API server/,
  ],
  [
    'a token of our audience',
    (pod) =>
      void pod.spec.volumes!.push({ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'cairn.dev' } }] } }),
    /tokens of the API server/,
  ],
  ["the sidecar's token", (pod) => void agent(pod).volumeMounts!.push({ name: 'cairn-token', mountPath: '/t' }), /sidecar's volumes/],
  ['credentials', (pod) => void agent(pod).volumeMounts!.push({ name: 'cairn-credential-0', mountPath: '/t' }), /sidecar's volumes/],
  ["writing to the agent's folder", (pod) => void (agent(pod).volumeMounts![0]!.readOnly = false), /sidecar's volumes/],
];

describe('the fence with the operator stopped and its webhooks removed', { timeout: 300_000 }, () => {
  const shared = sharedApiServer();
  let alice: string;
  let asAgent: string;

  before(async () => {
    const world = await startAdmission(shared());
    await world.close();
    await applyFence(shared());
    alice = await shared().user('alice@example.com');
    await shared().kubectl(['create', '-f', '-'], { input: JSON.stringify(injected('running')) });
    asAgent = await shared().bearer(await shared().serviceAccountToken(NAMESPACE, 'agents', { pod: 'running' }));
  });

  const create = (object: object, as = alice, more: string[] = []) =>
    shared().tryKubectl(['create', '--dry-run=server', ...more, '-f', '-'], { input: JSON.stringify(object), as });
  const patch = (kind: string, name: string, change: object, as = alice, more: string[] = []) =>
    shared().tryKubectl(['patch', kind, name, '-n', NAMESPACE, '--type=merge', '-p', JSON.stringify(change), '--dry-run=server', ...more], {
      as,
    });

  test('what injection renders is accepted, in both captures', async () => {
    for (const capture of ['transparent', 'explicit']) {
      const { code, stderr } = await create(injected('accepted', capture));
      assert.equal(code, 0, stderr);
    }
  });

  test("also where the sidecar holds the pod's own token, for the API server as a target; the agent may not mount it", async () => {
    const cluster = '  targets:\n  - {name: cluster, protocol: kubernetes, credential: {serviceAccount: agents}}\n';
    const pod = injected('with-token', 'transparent', POLICY.replace('  targets:\n', cluster));
    const { code, stderr } = await create(pod);
    assert.equal(code, 0, stderr);
    agent(pod).volumeMounts!.push({ name: 'cairn-api-token', mountPath: '/t', readOnly: true });
    assert.match((await create(pod)).stderr, /sidecar's volumes/);
  });

  for (const [way, change, refusal] of WAYS) {
    test(`closed: ${way}`, async () => {
      const pod = injected('way-in');
      change(pod);
      const { code, stderr } = await create(pod);
      assert.notEqual(code, 0);
      assert.match(stderr, refusal);
    });
  }

  test('closed: leaving the fence of a running pod, or running another program in it', async () => {
    const label = await patch('pod', 'running', { metadata: { labels: { 'cairn.dev/agent': null } } });
    assert.match(label.stderr, /does not change/);
    const policy = await patch('pod', 'running', { metadata: { annotations: { 'cairn.dev/policy': 'open' } } });
    assert.match(policy.stderr, /what its launch rests on/);
    const image = await shared().tryKubectl(['set', 'image', 'pod/running', 'agent=evil:1', '-n', NAMESPACE], { as: alice });
    assert.match(image.stderr, /keeps its images/);
    assert.equal((await patch('pod', 'running', { metadata: { labels: { team: 'x' } } })).code, 0);
  });

  test('closed: reaching into pods, for agents; open for people', async () => {
    const raw = (path: string): string[] => ['get', '--raw', `/api/v1/namespaces/${NAMESPACE}/${path}`];
    const proxies = [raw('pods/running/portforward?ports=80'), raw('pods/running/proxy/'), raw('services/made:80/proxy/')];
    const attempts = [['exec', 'running', '--', 'id'], ['attach', 'running'], ...proxies];
    for (const args of attempts) {
      const { stderr } = await shared().tryKubectl(['-n', NAMESPACE, ...args], { as: asAgent });
      assert.match(stderr, /agents may not reach into pods/, args.join(' '));
    }
    const person = await shared().tryKubectl(['exec', 'running', '-n', NAMESPACE, '--', 'id'], { as: alice });
    assert.doesNotMatch(person.stderr, /ValidatingAdmissionPolicy/, 'refused for want of a node alone');
  });

  test('closed: ephemeral containers of agents, and those of people that are not hardened', async () => {
    const debug = (container: object, as: string) =>
      patch('pod', 'running', { spec: { ephemeralContainers: [{ name: 'debug', image: 'x', ...container }] } }, as, [
        '--subresource=ephemeralcontainers',
      ]);
    const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    assert.match((await debug({ securityContext }, asAgent)).stderr, /agents may not reach into pods/);
    assert.match((await debug({}, alice)).stderr, /drop all capabilities/);
    assert.match(
      (await debug({ securityContext, volumeMounts: [{ name: 'cairn-token', mountPath: '/t' }] }, alice)).stderr,
      /see nothing of the sidecar/,
    );
    assert.match((await debug({ securityContext, targetContainerName: 'cairn-sidecar' }, alice)).stderr, /do not join/);
    const { code, stderr } = await debug({ securityContext, targetContainerName: 'agent' }, alice);
    assert.equal(code, 0, stderr);
  });

  test('closed: tokens for agents, and tokens of our audience for anybody but nodes', async () => {
    const token = (as: string, ...more: string[]) => shared().tryKubectl(['create', 'token', 'default', '-n', NAMESPACE, ...more], { as });
    assert.match((await token(asAgent)).stderr, /agents may not request tokens/);
    assert.match((await token(alice, '--audience=cairn.dev')).stderr, /nodes alone request them/);
    assert.equal((await token(alice)).code, 0);
    const metadata = { name: 'legacy', namespace: NAMESPACE, annotations: { 'kubernetes.io/service-account.name': 'default' } };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/service-account-token' };
    assert.match((await create(secret, asAgent)).stderr, /may not make Secrets/);
    assert.equal((await create(secret)).code, 0);
  });

  test("closed: the operator's network policies and its CA, for everybody else", async () => {
    const networkPolicy = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'cairn-agents', namespace: NAMESPACE },
      spec: { podSelector: {} },
    };
    assert.match((await create(networkPolicy)).stderr, /operator alone changes it/);
    const operator = ['--as=system:serviceaccount:cairn-system:cairn-operator', '--as-group=system:masters'];
    await shared().kubectl(['create', ...operator, '-f', '-'], { input: JSON.stringify(networkPolicy) });
    const deleted = await shared().tryKubectl(['delete', 'networkpolicy', 'cairn-agents', '-n', NAMESPACE], { as: alice });
    assert.match(deleted.stderr, /operator alone changes it/);
    assert.match(
      (await patch('networkpolicy', 'cairn-agents', { spec: { policyTypes: ['Ingress'] } })).stderr,
      /operator alone changes it/,
    );
    const ca = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cairn-ca', namespace: NAMESPACE }, data: { 'ca.crt': 'evil' } };
    assert.match((await create(ca)).stderr, /operator alone changes it/);
    assert.equal((await create({ ...networkPolicy, metadata: { name: 'own', namespace: NAMESPACE } })).code, 0);
  });

  test('closed: a network policy of any name that lets agents out', async () => {
    const opening = (name: string, egress: object[]) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name, namespace: NAMESPACE },
      spec: { podSelector: {}, policyTypes: ['Egress'], egress },
    });
    assert.match((await create(opening('open', [{}]))).stderr, /would open the fence/);
    assert.equal((await create(opening('closed', []))).code, 0);
    await shared().kubectl(['create', '-f', '-'], { input: JSON.stringify(opening('closed', [])) });
    assert.match((await patch('networkpolicy', 'closed', { spec: { egress: [{}] } })).stderr, /would open the fence/);
    const admin = await shared().tryKubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(opening('open', [{}])) });
    assert.equal(admin.code, 0, admin.stderr);
  });

  test('closed: taking a namespace out of enrolment without the verb enroll', async () => {
    const enroll = (as?: string) =>
      shared().tryKubectl(['label', 'namespace', NAMESPACE, 'cairn.dev/enroll-', '--dry-run=server'], as ? { as } : {});
    const rules = ['create', 'clusterrole', 'namespaces', '--verb=get,patch,update', '--resource=namespaces'];
    await shared().kubectl(rules);
    await shared().kubectl(['create', 'clusterrolebinding', 'dave', '--clusterrole=namespaces', '--user=dave']);
    const dave = await shared().user('dave');
    assert.match((await enroll(dave)).stderr, /needs the verb enroll/);
    const { code, stderr } = await shared().tryKubectl(['label', 'namespace', NAMESPACE, 'team=x', '--dry-run=server'], { as: dave });
    assert.equal(code, 0, stderr);
    assert.equal((await enroll()).code, 0, 'the admin may');
  });

  test('closed: records that the operator did not write', async () => {
    const editor = await shared().user('erin');
    await shared().kubectl([
      'create',
      'role',
      'records',
      '--verb=create,patch,update',
      '--resource=agentlaunches.cairn.dev',
      '-n',
      NAMESPACE,
    ]);
    await shared().kubectl(['create', 'rolebinding', 'erin', '--role=records', '--user=erin', '-n', NAMESPACE]);
    const id = '01890000-0000-7000-8000-000000000001';
    const root = { iss: 'kubernetes', sub: 'x', name: 'x', groups: [], authn: 'kubernetes' };
    const launch = {
      apiVersion: 'cairn.dev/v1alpha1',
      kind: 'AgentLaunch',
      metadata: { name: id, namespace: NAMESPACE },
      spec: { root, launch: { id, chain: id, depth: 1, path: ['research/x'] }, agent: 'x', pod: { name: 'x', uid: 'x' } },
    };
    assert.match((await create(launch, editor)).stderr, /operator alone writes records/);
    const { code, stderr } = await create(launch);
    assert.equal(code, 0, stderr);
  });

  test('outside enrolled namespaces nothing of this is asked', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'free', namespace: 'open' },
      spec: { hostNetwork: true, containers: [{ name: 'a', image: 'a' }] },
    };
    const { code, stderr } = await shared().tryKubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(pod) });
    assert.equal(code, 0, stderr);
  });
});
