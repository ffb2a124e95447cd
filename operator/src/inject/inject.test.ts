import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { API_VERSION, type AuditPolicy, type Target } from '@cairn/crds';
import type { Container, Deployment, EnvVar, Pod, SecurityContext, Volume, VolumeMount } from './kubernetes.js';
import * as fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { injectYaml } from './documents.js';
import { inject, type InjectContext } from './inject.js';
import { ANNOTATION_BYTES_LIMIT, CONTAINERS_LIMIT, NATIVE_SIDECARS_SINCE } from './limits.js';
import { SIDECAR_UIDS } from './names.js';
import { DEFAULT_PORTS, DEFAULT_SETTINGS } from './settings.js';
import type { KubernetesObject } from './workload.js';

const target = (given: Pick<Target, 'name' | 'protocol' | 'hosts' | 'port'> & Partial<Target>): Target => ({
  tls: { mode: 'Disable' },
  forward: [],
  capture: { maxRows: 100, maxBytes: 1024 },
  functions: { read: [] },
  ...given,
});

const policy: AuditPolicy = {
  apiVersion: API_VERSION,
  kind: 'AuditPolicy',
  metadata: { name: 'research', namespace: 'research' },
  spec: {
    selector: { matchLabels: { team: 'research' } },
    identity: { required: true, providers: [], maxDepth: 5, onAmbiguous: 'Deny', allowLoops: false },
    egress: 'Sidecar',
    targets: [
      target({ name: 'orders', protocol: 'postgres', hosts: ['orders.data.svc'], port: 5432, credential: { secret: 'orders-rw' } }),
      target({
        name: 'crm',
        protocol: 'http',
        hosts: ['crm.sales.svc'],
        port: 80,
        credential: { bearerSecret: { name: 'crm', key: 'token' } },
      }),
    ],
    rules: [],
    default: { action: 'Allow', level: 'Metadata', delivery: 'Durable' },
    undeclared: 'Deny',
    unparsed: 'Deny',
  },
};

const context: InjectContext = { policies: [policy], settings: DEFAULT_SETTINGS, enrolled: false, namespace: 'research' };

const pod = (changes: Partial<Pod['spec']> = {}, annotations: Record<string, string> = { 'cairn.dev/inject': 'true' }): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'planner', namespace: 'research', labels: { team: 'research' }, annotations },
  spec: { containers: [{ name: 'agent', image: 'planner:1', ports: [{ containerPort: 8080 }] }], ...changes },
});

const objectOf = (object: Pod, changed: Partial<InjectContext> = {}) =>
  inject(object as KubernetesObject & Pod, { ...context, ...changed });
const codes = (object: Pod): string[] => objectOf(object).problems.map((problem) => problem.code);
const container = (object: Pod, name: string): Container =>
  [...(object.spec?.initContainers ?? []), ...(object.spec?.containers ?? [])].find((each) => each.name === name)!;
const envOf = (object: Pod, name: string): Record<string, string | undefined> =>
  Object.fromEntries((container(object, name).env ?? []).map((each) => [each.name, each.value]));

const tokenVolume = (audience?: string): Volume => ({
  name: 'mine',
  projected: { sources: [{ serviceAccountToken: { path: 'token', ...(audience ? { audience } : {}) } }] },
});
const secretVariable = (name: string): EnvVar => ({ name: 'PASSWORD', valueFrom: { secretKeyRef: { name, key: 'password' } } });
const mountAt = (mountPath: string): VolumeMount => ({ name: 'data', mountPath });

const golden = join(import.meta.dirname, '..', '..', 'testdata', 'inject');
for (const name of readdirSync(golden).filter((each) => each.endsWith('.in.yaml'))) {
  test(`renders ${name} as its golden file says`, () => {
    const text = readFileSync(join(golden, name), 'utf8');
    const { yaml } = injectYaml(text, context, name);
    const file = join(golden, name.replace('.in.', '.out.'));
    assert.equal(yaml, readFileSync(file, 'utf8'));
    assert.equal(injectYaml(yaml, context, name).yaml, yaml, 'a second pass changes nothing');
  });
}

test('the sidecar starts before the agent and the capture before the sidecar', () => {
  const injected = objectOf(pod({ initContainers: [{ name: 'setup', image: 'x' }] })).object;
  assert.deepEqual(
    injected.spec?.initContainers?.map((each) => each.name),
    ['cairn-capture', 'cairn-sidecar', 'setup'],
  );
  assert.equal(container(injected, 'cairn-sidecar').restartPolicy, 'Always');
  assert.ok(container(injected, 'cairn-sidecar').startupProbe);
});

test('explicit capture needs no capability and points clients at the sidecar', () => {
  const env = [
    { name: 'PGHOST', value: 'orders.data.svc' },
    { name: 'PGUSER', value: 'anyone' },
  ];
  const annotations = { 'cairn.dev/inject': 'true', 'cairn.dev/capture': 'explicit' };
  const injected = objectOf(pod({ containers: [{ name: 'agent', env }] }, annotations)).object;
  assert.deepEqual(
    injected.spec?.initContainers?.map((each) => each.name),
    ['cairn-sidecar'],
  );
  const agent = envOf(injected, 'agent');
  assert.equal(agent['PGHOST'], '127.0.0.1');
  assert.equal(agent['PGPORT'], '15101');
  assert.equal(agent['HTTP_PROXY'], 'http://127.0.0.1:15002');
  assert.equal(agent['https_proxy'], 'http://127.0.0.1:15002');
  assert.equal(envOf(injected, 'cairn-sidecar')['CAIRN_TARGET_LISTEN'], 'orders=127.0.0.1:15101');
});

test('PGHOST of a database that no policy declares is left alone', () => {
  const annotations = { 'cairn.dev/inject': 'true', 'cairn.dev/capture': 'explicit' };
  const injected = objectOf(pod({ containers: [{ name: 'agent', env: [{ name: 'PGHOST', value: 'other.svc' }] }] }, annotations)).object;
  assert.equal(envOf(injected, 'agent')['PGHOST'], 'other.svc');
});

test('a transparent agent is told nothing of a proxy', () => {
  const agent = envOf(objectOf(pod()).object, 'agent');
  assert.equal(agent['HTTP_PROXY'], undefined);
  assert.ok(agent['NODE_EXTRA_CA_CERTS']);
});

test('only the sidecar mounts credentials and the workload token', () => {
  const injected = objectOf(pod()).object;
  const mounts = (name: string): string[] => container(injected, name).volumeMounts?.map((mount) => mount.mountPath) ?? [];
  assert.deepEqual(mounts('agent'), ['/var/run/secrets/cairn.dev/agent', '/var/run/secrets/kubernetes.io/serviceaccount']);
  assert.ok(mounts('cairn-sidecar').includes('/var/run/secrets/cairn.dev/credentials/orders-rw'));
  assert.equal(injected.spec?.automountServiceAccountToken, false);
});

test('the service account token that Kubernetes mounted is taken from the agent', () => {
  const mount = { name: 'kube-api-access-x1', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
  const before = pod({ containers: [{ name: 'agent', volumeMounts: [mount] }], volumes: [{ name: mount.name, projected: {} }] });
  const injected = objectOf(before).object;
  assert.ok(!JSON.stringify(injected).includes('kube-api-access'));
});

test('agents are hardened', () => {
  const securityContext = { capabilities: { add: ['NET_RAW'] }, allowPrivilegeEscalation: true };
  const result = objectOf(pod({ containers: [{ name: 'agent', securityContext }] }));
  const after = container(result.object, 'agent').securityContext;
  assert.deepEqual(after?.capabilities, { drop: ['ALL'] });
  assert.equal(after?.allowPrivilegeEscalation, false);
  assert.deepEqual(
    result.problems.map((each) => [each.severity, each.code]),
    [['warning', 'capability-removed']],
  );
});

test('a probe that would be refused for want of identity is told of', () => {
  const readinessProbe = { httpGet: { path: '/healthz', port: 8080 } };
  const result = objectOf(pod({ containers: [{ name: 'agent', readinessProbe }] }));
  assert.deepEqual(
    result.problems.map((each) => [each.severity, each.code, each.path]),
    [['warning', 'network-probe', 'spec.containers[0].readinessProbe']],
  );
});

test('skips say why', () => {
  assert.equal(objectOf(pod({}, {})).skipped, 'not-enrolled');
  assert.equal(objectOf(pod({}, {}), { enrolled: true }).skipped, undefined);
  assert.equal(objectOf(pod({}, { 'cairn.dev/inject': 'false' })).skipped, 'opted-out');
  assert.equal(objectOf(pod({ hostNetwork: true })).skipped, 'host-network');
  assert.equal(objectOf({ kind: 'ConfigMap' }).skipped, 'unsupported-kind');
});

test('what would let an agent past its sidecar is refused, and the object comes back as it was', () => {
  const refused: [Pod, string][] = [
    [pod({ shareProcessNamespace: true }), 'host-namespace'],
    [pod({ hostPID: true }), 'host-namespace'],
    [pod({ containers: [{ name: 'agent', securityContext: { privileged: true } }] }), 'privileged'],
    [pod({ containers: [{ name: 'agent', securityContext: { runAsUser: DEFAULT_SETTINGS.sidecarUid } }] }), 'sidecar-uid'],
    [pod({ securityContext: { runAsUser: DEFAULT_SETTINGS.sidecarUid } }), 'sidecar-uid'],
    [pod({ securityContext: { runAsUser: SIDECAR_UIDS.first } }), 'sidecar-uid'],
    [pod({ containers: [{ name: 'agent', securityContext: { runAsUser: SIDECAR_UIDS.first + SIDECAR_UIDS.count - 1 } }] }), 'sidecar-uid'],
    [pod({ containers: [{ name: 'agent', securityContext: { procMount: 'Unmasked' } }] }), 'privileged'],
    [pod({ hostIPC: true }), 'host-namespace'],
    [pod({ os: { name: 'windows' } }), 'windows'],
    [pod({ nodeSelector: { 'kubernetes.io/os': 'windows' } }), 'windows'],
    [pod({ volumes: [{ name: 'node', hostPath: { path: '/var/lib/kubelet' } }] }), 'host-path'],
    [pod({ volumes: [{ name: 'cairn-mine', emptyDir: {} }] }), 'reserved-name'],
    [pod({ volumes: [tokenVolume('cairn.dev')] }), 'service-account-token'],
    [pod({ volumes: [tokenVolume()] }), 'service-account-token'],
    [pod({ volumes: [{ name: 's', secret: { secretName: 'orders-rw' } }] }), 'credential-mounted'],
    [pod({ volumes: [{ name: 's', projected: { sources: [{ secret: { name: 'crm' } }] } }] }), 'credential-mounted'],
    [pod({ containers: [{ name: 'agent', envFrom: [{ secretRef: { name: 'orders-rw' } }] }] }), 'credential-mounted'],
    [pod({ containers: [{ name: 'agent', env: [secretVariable('crm')] }] }), 'credential-mounted'],
    [pod({ containers: [{ name: 'agent', ports: [{ containerPort: DEFAULT_PORTS.inbound }] }] }), 'port-collision'],
    [pod({ containers: [{ name: 'agent', volumeMounts: [mountAt('/run/secrets/kubernetes.io/serviceaccount/')] }] }), 'mount-collision'],
    [pod({ containers: [{ name: 'agent', volumeMounts: [mountAt('/var/run/secrets/cairn.dev/agent/ca.crt')] }] }), 'mount-collision'],
    [pod({}, { 'cairn.dev/inject': 'true', 'cairn.dev/agent': 'a'.repeat(64) }), 'invalid-annotation'],
    [pod({ containers: [{ name: 'cairn-sidecar' }] }), 'reserved-name'],
    [pod({}, { 'cairn.dev/inject': 'yes' }), 'invalid-annotation'],
    [pod({}, { 'cairn.dev/injct': 'true' }), 'unknown-annotation'],
    [pod({}, { 'cairn.dev/inject': 'true', 'cairn.dev/sidecar-memory': 'lots' }), 'invalid-annotation'],
    [pod({}, { 'cairn.dev/inject': 'true', 'cairn.dev/policy': 'absent' }), 'unknown-policy'],
  ];
  for (const [object, code] of refused) {
    const result = objectOf(object);
    assert.deepEqual(codes(object), [code]);
    assert.equal(result.object, object);
  }
});

test('nothing of an enrolled namespace is skipped: what cannot be captured there is refused', () => {
  const refused = (object: Pod): string[] => objectOf(object, { enrolled: true }).problems.map((problem) => problem.code);
  assert.deepEqual(refused(pod({}, { 'cairn.dev/inject': 'false' })), ['opt-out']);
  assert.deepEqual(refused(pod({ hostNetwork: true }, {})), ['host-network']);
});

test('the tokens of other audiences and the secrets that no target uses stay with the agent', () => {
  const volumes = [tokenVolume('sts.amazonaws.com'), { name: 's', secret: { secretName: 'other' } }];
  assert.deepEqual(codes(pod({ volumes, containers: [{ name: 'agent', env: [secretVariable('other')] }] })), []);
});

test(`Kubernetes 1.${NATIVE_SIDECARS_SINCE} gets sidecars, one version less is refused`, () => {
  const at = (minor: number): string[] => objectOf(pod(), { kubernetes: { major: 1, minor } }).problems.map(({ code }) => code);
  assert.deepEqual(at(NATIVE_SIDECARS_SINCE), []);
  assert.deepEqual(at(NATIVE_SIDECARS_SINCE - 1), ['old-cluster']);
});

test('where Pod Security refuses NET_ADMIN, transparent capture is refused with the way out, which is accepted', () => {
  const explicit = { 'cairn.dev/inject': 'true', 'cairn.dev/capture': 'explicit' };
  for (const podSecurity of ['baseline', 'restricted'] as const) {
    const [problem] = objectOf(pod(), { podSecurity }).problems;
    assert.equal(problem?.code, 'pod-security');
    assert.match(problem.message, /cairn\.dev\/capture: explicit/);
    const injected = objectOf(pod({}, explicit), { podSecurity });
    assert.deepEqual(injected.problems, []);
    const { securityContext } = container(injected.object, 'cairn-sidecar');
    assert.deepEqual([securityContext?.runAsNonRoot, securityContext?.capabilities], [true, { drop: ['ALL'] }]);
  }
  assert.deepEqual(objectOf(pod(), { podSecurity: 'privileged' }).problems, []);
});

test("the agent's name stands in a label, from the annotation, the grant's or the owner", () => {
  const label = (object: Pod, changed: Partial<InjectContext> = {}): string | undefined =>
    objectOf(object, changed).object.metadata?.labels?.['cairn.dev/agent'];
  const named = pod({}, { 'cairn.dev/inject': 'true', 'cairn.dev/agent': 'writer' });
  assert.equal(label(pod()), 'planner');
  assert.equal(label(pod(), { agent: 'nightly' }), 'nightly');
  assert.equal(label(named, { agent: 'nightly' }), 'writer');
  const long = pod();
  long.metadata!.name = 'a.b';
  assert.deepEqual(codes(long), ['agent-name']);
});

test("a drawn UID becomes the sidecar's, but not in a user namespace, which does not map it", () => {
  const sidecarUid = SIDECAR_UIDS.first + 7;
  const uid = (object: Pod): number | undefined =>
    container(objectOf(object, { sidecarUid }).object, 'cairn-sidecar').securityContext?.runAsUser;
  assert.equal(uid(pod()), sidecarUid);
  assert.equal(uid(pod({ hostUsers: false, securityContext: { runAsUser: 1000 } })), DEFAULT_SETTINGS.sidecarUid);
});

test('in a user namespace, where its UID is known, no container may leave its user to its image', () => {
  const told = (object: Pod): unknown[] => objectOf(object).problems.map(({ code, path }) => [code, path]);
  const own = { name: 'agent', image: 'planner:1', securityContext: { runAsUser: 1000 } };
  assert.deepEqual(told(pod({ hostUsers: false })), [['sidecar-uid', 'spec.containers[0].securityContext.runAsUser']]);
  assert.deepEqual(told(pod({ hostUsers: false, containers: [own] })), []);
  assert.deepEqual(told(pod({ hostUsers: true })), []);
});

test('what scheduling, limits and probes say is left as it was', () => {
  const resources = { limits: { memory: '1Gi' } };
  const untouched = {
    priorityClassName: 'high',
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    terminationGracePeriodSeconds: 5,
  };
  const livenessProbe = { exec: { command: ['true'] } };
  const { spec } = objectOf(pod({ ...untouched, containers: [{ name: 'agent', resources, livenessProbe }] })).object;
  for (const [key, value] of Object.entries(untouched)) assert.deepEqual((spec as unknown as Record<string, unknown>)[key], value);
  assert.deepEqual([spec?.containers[0]?.resources, spec?.containers[0]?.livenessProbe], [resources, livenessProbe]);
});

test('a hand-made sidecar is replaced by ours, its mounts and volumes with it', () => {
  const fake = pod({
    initContainers: [{ name: 'cairn-sidecar', image: 'evil:1', command: ['sleep', '1d'] }],
    volumes: [{ name: 'cairn-token', emptyDir: {} }],
    containers: [{ name: 'agent', volumeMounts: [{ name: 'cairn-token', mountPath: '/steal' }] }],
  });
  const injected = objectOf(fake).object;
  assert.equal(container(injected, 'cairn-sidecar').image, DEFAULT_SETTINGS.image);
  assert.ok(!JSON.stringify(injected).includes('/steal') && !JSON.stringify(injected).includes('evil'));
});

test('a pod that no policy selects is an error, not a silent skip', () => {
  const object = pod();
  object.metadata!.labels = {};
  assert.deepEqual(codes(object), ['no-policy']);
});

test('annotations beside the pod template are told of', () => {
  const spec = {
    selector: {},
    template: { metadata: { labels: { team: 'research' }, annotations: { 'cairn.dev/inject': 'true' } }, spec: pod().spec },
  };
  const deployment: Deployment = {
    kind: 'Deployment',
    metadata: { name: 'planner', annotations: { 'cairn.dev/policy': 'research' } },
    spec,
  };
  const result = inject(deployment as KubernetesObject, context);
  assert.deepEqual(
    result.problems.map((each) => each.code),
    ['misplaced-annotation'],
  );
});

test('a marker of an earlier injection is no way around the sidecar', () => {
  const forged = pod(
    { containers: [{ name: 'agent', env: [{ name: 'A', value: '1' }] }] },
    { 'cairn.dev/inject': 'true', 'cairn.dev/status': '{"agent":{}}' },
  );
  assert.ok(container(objectOf(forged).object, 'cairn-sidecar'));
});

test(`an annotation of ${ANNOTATION_BYTES_LIMIT} bytes is read, one byte more is refused`, () => {
  const grant = (bytes: number): Pod => pod({}, { 'cairn.dev/inject': 'true', 'cairn.dev/grant': 'g'.repeat(bytes) });
  assert.deepEqual(codes(grant(ANNOTATION_BYTES_LIMIT)), []);
  assert.deepEqual(codes(grant(ANNOTATION_BYTES_LIMIT + 1)), ['invalid-annotation']);
});

test(`a pod of ${CONTAINERS_LIMIT} containers is injected, one more is refused`, () => {
  const many = (count: number): Pod => pod({ containers: Array.from({ length: count }, (_, index) => ({ name: `c${index}` })) });
  assert.deepEqual(codes(many(CONTAINERS_LIMIT)), []);
  assert.deepEqual(codes(many(CONTAINERS_LIMIT + 1)), ['too-many-containers']);
});

const anyEnv = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('PGHOST', 'PGPORT', 'HTTP_PROXY', 'no_proxy', 'JAVA_TOOL_OPTIONS', 'SSL_CERT_FILE', 'OTHER'),
    value: fc.constantFrom('orders.data.svc', '5432', '-Xmx1g', 'x', ''),
  }),
  { selector: (each) => each.name },
);
const contexts: SecurityContext[] = [{}, { runAsUser: 5 }, { capabilities: { add: ['SYS_TIME'] } }];
const mounts: VolumeMount[][] = [[], [{ name: 'data', mountPath: '/data' }]];
const anyContainer: fc.Arbitrary<Partial<Container>> = fc.record(
  {
    env: anyEnv,
    ports: fc.array(fc.record({ containerPort: fc.integer({ min: 1, max: 65535 }) }), { maxLength: 3 }),
    volumeMounts: fc.constantFrom(...mounts),
    securityContext: fc.constantFrom(...contexts),
  },
  { requiredKeys: [] },
);
const anyPod = fc.record({
  containers: fc.array(anyContainer, { minLength: 1, maxLength: 3 }),
  initContainers: fc.array(anyContainer, { maxLength: 2 }),
  capture: fc.constantFrom('transparent', 'explicit'),
});

test('injecting twice is the same as once, also after the capture has changed in between', () => {
  fc.assert(
    fc.property(anyPod, fc.constantFrom('transparent', 'explicit'), (drawn, other) => {
      const named = (list: Partial<Container>[], prefix: string): Container[] =>
        list.map((each, index) => ({ name: `${prefix}${index}`, ...each }));
      const object = pod(
        { containers: named(drawn.containers, 'c'), initContainers: named(drawn.initContainers, 'i') },
        { 'cairn.dev/inject': 'true', 'cairn.dev/capture': drawn.capture },
      );
      const before = JSON.stringify(object);
      const once = objectOf(object).object;
      assert.equal(JSON.stringify(object), before, 'the input is untouched');
      assert.deepEqual(objectOf(once).object, once);
      const switched = structuredClone(once);
      switched.metadata!.annotations!['cairn.dev/capture'] = other;
      const direct = structuredClone(object);
      direct.metadata!.annotations!['cairn.dev/capture'] = other;
      assert.deepEqual(objectOf(switched).object.spec, objectOf(direct).object.spec);
    }),
  );
});

test('comments, order and other documents of a file stay', () => {
  const text = readFileSync(join(golden, 'list.in.yaml'), 'utf8');
  const { yaml, outcomes } = injectYaml(text, context, 'list.in.yaml');
  const comments = text.split('\n').filter((line) => line.trim().startsWith('#'));
  for (const line of comments) assert.ok(yaml.includes(line.trim()), line);
  assert.equal(parseAllDocuments(yaml).length, parseAllDocuments(text).length);
  assert.deepEqual(
    outcomes.map((each) => [each.kind, each.name, each.skipped]),
    [
      ['Service', 'planner', 'unsupported-kind'],
      ['CronJob', 'nightly', undefined],
      ['Pod', 'bystander', 'not-enrolled'],
    ],
  );
});

test('a file that is not YAML is refused with its line', () => {
  assert.throws(() => injectYaml('a: 1\nb: [', context, 'broken.yaml'), /^ManifestError: broken\.yaml:2/);
});

const clusterTarget = target({
  name: 'cluster',
  protocol: 'kubernetes',
  hosts: ['kubernetes.default.svc'],
  port: 443,
  credential: { serviceAccount: 'planner' },
});
const withCluster = { policies: [{ ...policy, spec: { ...policy.spec, targets: [...policy.spec.targets, clusterTarget] } }] };

test('where the API server is a target, the sidecar alone has a token of the service account, and clients are led to the sidecar', () => {
  const { object } = objectOf(pod(), withCluster);
  const volume = object.spec!.volumes!.find(({ name }) => name === 'cairn-api-token');
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3600, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  ];
  assert.deepEqual(volume, { name: 'cairn-api-token', projected: { sources } });
  const mounting = [...object.spec!.initContainers!, ...object.spec!.containers].filter(({ volumeMounts }) =>
    volumeMounts?.some(({ name }) => name === 'cairn-api-token'),
  );
  assert.deepEqual(
    mounting.map(({ name }) => name),
    ['cairn-sidecar'],
  );
  assert.equal(envOf(object, 'cairn-sidecar')['CAIRN_SERVICE_ACCOUNT_DIR'], '/var/run/secrets/cairn.dev/service-account');
  const env = envOf(object, 'agent');
  assert.deepEqual([env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']], ['kubernetes.default.svc', '443']);
  assert.deepEqual(objectOf(object, withCluster).object, object, 'a second pass changes nothing');
  assert.deepEqual(objectOf(object).object, objectOf(pod()).object, 'a policy without it takes all of it away');
});

test('in explicit capture in-cluster clients are led to the listener of the API server', () => {
  const { object } = objectOf(pod({}, { 'cairn.dev/inject': 'true', 'cairn.dev/capture': 'explicit' }), withCluster);
  const env = envOf(object, 'agent');
  const port = String(DEFAULT_PORTS.targets + 1);
  assert.deepEqual([env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']], ['localhost', port]);
  assert.match(envOf(object, 'cairn-sidecar')['CAIRN_TARGET_LISTEN']!, new RegExp(`cluster=127\\.0\\.0\\.1:${port}$`));
});

test('in strict mode the sidecar is given no Secret of a target, and the agent may mount none either', () => {
  const strict = { policies: [{ ...policy, spec: { ...policy.spec, egress: 'Gateway' as const } }] };
  const { object } = objectOf(pod(), strict);
  assert.deepEqual(
    object.spec!.volumes!.filter(({ secret }) => secret),
    [],
  );
  assert.ok(objectOf(pod()).object.spec!.volumes!.some(({ secret }) => secret?.secretName === 'orders-rw'));
  const mounting = pod();
  mounting.spec!.volumes = [{ name: 'mine', secret: { secretName: 'orders-rw' } }];
  const { problems } = inject(mounting, { ...context, ...strict });
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['credential-mounted'],
  );
  assert.deepEqual(objectOf(object, strict).object, object, 'a second pass changes nothing');
});
