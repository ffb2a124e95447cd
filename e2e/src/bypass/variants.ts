/** The namespaces in which everything is tried: with all layers, with one switched off, with none. Objects as plain data. */
import { MOMENTS } from './attempts/index.js';
import { markerOf, type Places, type Variant } from './attempt.js';

export const TARGETS = 'bypass-targets';
export const CREDENTIAL = 'bypass-credential';
export const CA = 'bypass-ca';
export const AGENT = 'agent';
export const USER = 'user';
export const IMAGE = 'cairn-test/toolbox:latest';
const PROGRAMS = 'bypass-programs';
/** From the beginning of a pod's end until it is killed: time to try something. */
const END_SECONDS = 10;
/** UID of what stands for the sidecar where there is none. */
export const STAND_IN_UID = 2_000_000_007;

/**
 * How long an attempt waits. Where it has to succeed, it may take its time on a machine with much else to do, and ends at once when it
 * does; elsewhere every packet that is dropped costs the whole of it, and servers tell who came late.
 */
export const secondsOf = (variant: Variant): number => (variant === 'control' ? 90 : 6);
export const namespaceOf = (variant: Variant): string => `bypass-${variant}`;
const isEnrolled = (variant: Variant): boolean => variant === 'full' || variant === 'no-l1' || variant === 'no-l2';
export const isInjected = (variant: Variant): boolean => variant !== 'control';

function policy(namespace: string): object {
  const target = (name: string, host: string, port: number, more: object = {}): object => ({
    name,
    protocol: 'http',
    hosts: [host],
    port,
    ...more,
  });
  const tls = { mode: 'Require', serverName: 'localhost', caSecret: { name: CA, key: 'ca.crt' } };
  const credential = { bearerSecret: { name: CREDENTIAL, key: 'token' } };
  return {
    apiVersion: 'cairn.dev/v1alpha1',
    kind: 'AuditPolicy',
    metadata: { name: 'bypass', namespace },
    spec: {
      selector: {},
      identity: { required: false },
      targets: [
        target('declared', `declared.${TARGETS}.svc`, 80),
        target('secure', `secure.${TARGETS}.svc`, 443, { tls, credential }),
        target('rebind', 'rebind.test', 8080),
        { name: 'cluster', protocol: 'kubernetes', credential: { serviceAccount: 'agents' } },
      ],
      rules: [
        { name: 'denied', match: { targets: ['declared'], resources: ['/denied/**'] }, action: 'Deny' },
        // The namespace's own objects, what has no namespace but a review of itself, and the API's own pages.
        {
          name: 'own',
          match: { targets: ['cluster'], resources: [`${namespace}/**`, '-/selfsubjectreviews.authentication.k8s.io/**', '/**'] },
          action: 'Allow',
        },
        { name: 'elsewhere', match: { targets: ['cluster'] }, action: 'Deny', reason: 'agents stay in their own namespace' },
      ],
      default: { action: 'Allow', level: 'Metadata' },
      undeclared: 'Deny',
    },
  };
}

const account = (namespace: string, name: string): object => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });

function admin(namespace: string, name: string, subject: string): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name, namespace },
    roleRef: { kind: 'ClusterRole', name: 'cluster-admin', apiGroup: 'rbac.authorization.k8s.io' },
    subjects: [{ kind: 'ServiceAccount', name: 'agents', namespace: subject }],
  };
}

const secret = (namespace: string, name: string, stringData: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  stringData,
});

function networkPolicy(namespace: string, name: string, egress: object[], selector: object = {}): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace },
    spec: { podSelector: selector, policyTypes: ['Egress'], egress },
  };
}

const programs = (namespace: string, data: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: PROGRAMS, namespace },
  data,
});

export interface Ingredients {
  /** Texts of the suite's programs, by file name. */
  programs: Record<string, string>;
  /** PEM. */
  ca: string;
  credential: string;
  operatorCa?: string;
}

/** Everything of a variant but its pod. */
export function namespaceObjects(variant: Variant, places: Places, { programs: files, ca, credential, operatorCa }: Ingredients): object[] {
  const namespace = namespaceOf(variant);
  const labels = isEnrolled(variant) ? { 'cairn.dev/enroll': 'true' } : {};
  const moment = ({ id, probe }: (typeof MOMENTS)['before']): string => JSON.stringify([{ id, ...probe(places, markerOf(places, id)) }]);
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
    account(namespace, 'agents'),
    account(namespace, 'other'),
    admin(namespace, 'agents', namespace),
    admin(TARGETS, namespace, namespace),
    secret(namespace, CREDENTIAL, { token: credential }),
    secret(namespace, CA, { 'ca.crt': ca }),
    programs(namespace, { ...files, 'before.json': moment(MOMENTS.before), 'outlived.json': moment(MOMENTS.outlived) }),
    ...(isInjected(variant) ? [policy(namespace)] : []),
    ...(variant === 'no-l2' ? [networkPolicy(namespace, 'layer-switched-off', [{}])] : []),
    ...(operatorCa && !isEnrolled(variant)
      ? [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cairn-ca', namespace }, data: { 'ca.crt': operatorCa } }]
      : []),
    // Where the operator keeps none, something of that name to patch.
    ...(isEnrolled(variant) ? [] : [networkPolicy(namespace, 'cairn-default-deny', [], { matchLabels: { nobody: 'here' } })]),
  ];
}

const toolbox = { image: IMAGE, imagePullPolicy: 'Never' };
const mounted = { volumeMounts: [{ name: 'programs', mountPath: '/programs', readOnly: true }] };

/** What stands for the sidecar in the control: a process to look into, an admin port, its folders, its name. */
function standIn(): object {
  const script =
    "import http.server as h\nclass A(h.BaseHTTPRequestHandler):\n  def do_GET(s):\n    s.send_response(200); s.end_headers(); s.wfile.write(b'ok')\nh.ThreadingHTTPServer(('127.0.0.1',15020),A).serve_forever()";
  return {
    ...toolbox,
    name: 'cairn-sidecar',
    command: ['python3', '-c', script, 'sidecar/dist/main.js'],
    readinessProbe: { exec: { command: ['curl', '-sS', 'http://127.0.0.1:15020/'] }, periodSeconds: 1, timeoutSeconds: 10 },
    env: [{ name: 'CAIRN_NAMESPACE', value: 'control' }],
    securityContext: { runAsUser: STAND_IN_UID },
  };
}

function agent(variant: Variant): object {
  const control = variant === 'control';
  const volumes = control
    ? [
        { name: 'credential', mountPath: '/var/run/secrets/cairn.dev/credentials', readOnly: true },
        { name: 'programs', mountPath: '/var/spool/cairn', readOnly: true },
      ]
    : [];
  return {
    ...toolbox,
    name: AGENT,
    command: ['python3', '/programs/agent.py', '/programs/outlived.json', `${secondsOf(variant)}`],
    volumeMounts: [...mounted.volumeMounts, ...volumes],
    ...(control ? { securityContext: { privileged: true, runAsUser: 0 } } : { securityContext: { runAsUser: 0 } }),
  };
}

/** A container of an ordinary user. */
function ordinary(): object {
  return { ...toolbox, ...mounted, name: USER, command: ['sleep', 'infinity'], securityContext: { runAsUser: 1000 } };
}

/** The pod that everything is tried from. */
export function agentPod(variant: Variant): object {
  const control = variant === 'control';
  const annotations = control
    ? {}
    : {
        'cairn.dev/inject': 'true',
        ...(variant === 'no-l1' ? { 'cairn.dev/capture': 'explicit' } : { 'cairn.dev/capture': 'transparent' }),
      };
  const early = {
    ...toolbox,
    ...mounted,
    name: 'early',
    command: ['sh', '-c', `python3 /programs/probe.py ${secondsOf(variant)} < /programs/before.json`],
    securityContext: { runAsUser: 0 },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: AGENT,
      namespace: namespaceOf(variant),
      annotations,
      labels: control ? { 'cairn.dev/agent': AGENT } : { app: AGENT },
    },
    spec: {
      serviceAccountName: 'agents',
      terminationGracePeriodSeconds: END_SECONDS,
      // Ping sockets are closed by default; a layer has to hold where a cluster opens them.
      securityContext: { sysctls: [{ name: 'net.ipv4.ping_group_range', value: '0 2147483647' }] },
      ...(control ? { shareProcessNamespace: true } : {}),
      initContainers: [early],
      containers: [agent(variant), ordinary(), ...(control ? [standIn()] : [])],
      volumes: [
        { name: 'programs', configMap: { name: PROGRAMS } },
        ...(control ? [{ name: 'credential', secret: { secretName: CREDENTIAL } }] : []),
      ],
    },
  };
}

function server(name: string, listeners: readonly string[], more: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: TARGETS, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          ...toolbox,
          name: 'server',
          command: ['node', '/programs/target.mjs', name, ...listeners],
          readinessProbe: { tcpSocket: { port: Number(/\d+/.exec(listeners[0]!)![0]) }, periodSeconds: 1, timeoutSeconds: 10 },
          securityContext: { runAsUser: 0 },
          volumeMounts: [...mounted.volumeMounts, { name: 'tls', mountPath: '/tls', readOnly: true }],
        },
      ],
      volumes: [
        { name: 'programs', configMap: { name: PROGRAMS } },
        { name: 'tls', secret: { secretName: 'bypass-tls' } },
      ],
      ...more,
    },
  };
}

function service(name: string, pod: string, ports: readonly { name: string; port: number; targetPort: number }[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: TARGETS },
    spec: { selector: { app: pod }, ipFamilyPolicy: 'PreferDualStack', ports },
  };
}

/** The servers, each reachable by everybody. */
export function targetObjects({ programs: files }: Ingredients, certificate: { cert: string; key: string }): object[] {
  const listeners = ['tcp=8080', 'tls=8443', 'udp=9999', 'udp=443', 'dns=53'];
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: TARGETS } },
    programs(TARGETS, files),
    secret(TARGETS, 'bypass-tls', { 'tls.crt': certificate.cert, 'tls.key': certificate.key }),
    server('declared', listeners),
    server('upstream', listeners),
    server('node', ['tcp=80'], { hostNetwork: true }),
    service('declared', 'declared', [{ name: 'http', port: 80, targetPort: 8080 }]),
    service('secure', 'declared', [{ name: 'https', port: 443, targetPort: 8443 }]),
    service('upstream', 'upstream', [{ name: 'http', port: 80, targetPort: 8080 }]),
  ];
}
