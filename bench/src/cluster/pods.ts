/** The same agents twice, in an enrolled namespace and in one that Cairn knows nothing of, and what they call. Objects as plain data. */
export const VARIANTS = ['plain', 'cairn'] as const;
export type Variant = (typeof VARIANTS)[number];

const TARGETS = 'bench-targets';
const IMAGE = 'cairn/agents:0.1.0';
const PORT = 8080;
const ANSWER_BYTES = 720;
export const TARGET = `http://target.${TARGETS}.svc:${PORT}/`;
export const namespaceOf = (variant: Variant): string => `bench-${variant}`;

const SERVE = `require('http').createServer((q, a) => a.end('x'.repeat(${ANSWER_BYTES}))).listen(${PORT})`;
/** The first thing that an agent does is to say what time it is, in milliseconds since the epoch. */
const AGENT = "console.log(Date.now()); setInterval(() => {}, 1 << 30); process.once('SIGTERM', () => process.exit(0))";

const namespace = (name: string, labels: object = {}): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });

/** Everything but the agents. Once it is applied, `enrolment` follows: a policy stands before its namespace is enrolled. */
export function surroundings(): object[] {
  return [
    namespace(TARGETS),
    ...VARIANTS.map((variant) => namespace(namespaceOf(variant))),
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'target', namespace: TARGETS, labels: { app: 'target' } },
      spec: {
        containers: [
          {
            name: 'target',
            image: IMAGE,
            imagePullPolicy: 'Never',
            command: ['node', '-e', SERVE],
            readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
          },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'target', namespace: TARGETS },
      spec: { selector: { app: 'target' }, ports: [{ port: PORT, targetPort: PORT }] },
    },
    {
      apiVersion: 'cairn.dev/v1alpha1',
      kind: 'AuditPolicy',
      metadata: { name: 'bench', namespace: namespaceOf('cairn') },
      spec: {
        selector: {},
        identity: { required: false },
        targets: [{ name: 'target', protocol: 'http', hosts: [`target.${TARGETS}.svc`], port: PORT }],
        rules: [],
        default: { action: 'Allow', level: 'RequestResponse' },
        undeclared: 'Deny',
      },
    },
  ];
}

export const enrolment = (): object => namespace(namespaceOf('cairn'), { 'cairn.dev/enroll': 'true' });

export function agentPod(variant: Variant, name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: namespaceOf(variant), labels: { app: 'agent' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      securityContext: { runAsUser: 10001, runAsGroup: 10001, runAsNonRoot: true },
      containers: [{ name: 'agent', image: IMAGE, imagePullPolicy: 'Never', command: ['node', '-e', AGENT] }],
    },
  };
}

/** Calls `url` at a fixed rate whether answers come or not, and prints what came of it as JSON; latencies in milliseconds. */
export const LOAD = `
const [url, rate, seconds] = process.argv.slice(1);
const http = require('http');
const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
const latencies = [];
let failed = 0, open = 0;
const call = () => {
  const begun = performance.now();
  open++;
  const done = (ok) => { open--; if (ok) latencies.push(performance.now() - begun); else failed++; };
  http.get(url, { agent }, (answer) => answer.resume().once('end', () => done(answer.statusCode === 200))).once('error', () => done(false));
};
const begun = performance.now();
let sent = 0;
const timer = setInterval(() => {
  const elapsed = performance.now() - begun;
  while (sent < Math.min(elapsed, seconds * 1000) * rate / 1000) { call(); sent++; }
  if (elapsed > seconds * 1000 && (open === 0 || elapsed > seconds * 1000 + 5000)) {
    clearInterval(timer);
    process.stdout.write(JSON.stringify({ failed: failed + open, latencies }), () => process.exit(0));
  }
}, 1);`;
