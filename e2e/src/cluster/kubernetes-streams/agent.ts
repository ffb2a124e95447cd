/** An agent beside a real kubelet: a pod that is run commands in, the sidecar of the agent that runs them, and clients that know nothing of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent } from '@cairn/audit';
import type { Cluster } from '../../harness/cluster/index.js';
import { startControlPlane } from '../../harness/control-plane.js';
import { buildNodeImage } from '../../harness/images/index.js';
import { kubectlProgram, runCommand, type CommandResult } from '../../harness/kubernetes/index.js';
import { startSidecar, type Sidecar } from '../../harness/sidecar.js';
import { replay } from './replay.js';

export const NAMESPACE = 'exec';
const WAIT = '--timeout=120s';
/** Says on its log whom it serves. */
const SERVER = `for (const port of [8080, 8081]) require('node:http').createServer((q, r) => (console.log('asked for ' + q.url), r.end('served ' + q.url))).listen(port, () => console.log('serving'))`;

const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: cluster, namespace: research}
spec:
  selector: {}
  identity: {required: true, providers: [], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - {name: cluster, protocol: kubernetes, credential: {serviceAccount: agent}}
  rules:
  - name: no-admin-port
    match: {verbs: [pods/portforward]}
    when: 'has(operation.parameters.ports) && operation.parameters.ports.exists(p, p == "8082")'
    action: Deny
    reason: 8082 is for people
  default: {action: Allow, level: RequestResponse}
  undeclared: Deny
`;

/** The machine's own programs, for an image that has none beside Node. */
const USERLAND = [
  ['/usr', '/usr'],
  ['/usr/bin', '/bin'],
  ['/usr/lib', '/lib'],
  ['/usr/lib64', '/lib64'],
] as const;

function webPod(image: string): object {
  const container = { image, imagePullPolicy: 'Never' };
  const volumes = USERLAND.map(([path], index) => ({ name: `userland-${index}`, hostPath: { path } }));
  const volumeMounts = USERLAND.map(([, mountPath], index) => ({ name: `userland-${index}`, mountPath, readOnly: true }));
  const shell = {
    ...container,
    name: 'shell',
    command: ['/bin/cat'],
    env: [{ name: 'PATH', value: '/usr/bin:/bin' }],
    stdin: true,
    volumeMounts: [...volumeMounts, { name: 'tmp', mountPath: '/tmp' }],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 0,
      serviceAccountName: 'agent',
      volumes: [...volumes, { name: 'tmp', emptyDir: {} }],
      containers: [{ ...container, name: 'main', command: ['node', '-e', SERVER] }, shell],
    },
  };
}

export interface Recorded {
  intent: AuditEvent;
  complete: AuditEvent;
}

export interface Agent {
  readonly sidecar: Sidecar;
  /** Path of kubectl. */
  readonly kubectl: string;
  /** Empty, and gone in the end. */
  readonly folder: string;
  /** What kubectl finds its API server by. */
  env(more?: Record<string, string>): NodeJS.ProcessEnv;
  run(args: readonly string[], how?: { input?: string; env?: Record<string, string> }): Promise<CommandResult>;
  /** The newest exchange of a verb that is complete, or the newest whose parameters name something. */
  recorded(verb: string, named?: string): Promise<Recorded>;
  /** What `cairn replay SESSION` says of the session that an event is of. */
  replay(event: AuditEvent): Promise<string>;
  stop(): Promise<void>;
}

export async function startAgent(cluster: Cluster): Promise<Agent> {
  const kubectl = await kubectlProgram();
  const folder = mkdtempSync(join(tmpdir(), 'cairn-streams-'));
  await startWeb(cluster);
  const plane = await startControlPlane(POLICY);
  const account = join(folder, 'service-account');
  mkdirSync(account);
  writeFileSync(join(account, 'token'), await cluster.serviceAccountToken(NAMESPACE, 'agent', { pod: 'web' }));
  writeFileSync(join(account, 'ca.crt'), cluster.caCert);
  const sidecar = await startSidecar({
    plane,
    targets: ['cluster'],
    resolve: { 'kubernetes.default.svc:443': new URL(cluster.url).host },
    env: { CAIRN_SERVICE_ACCOUNT_DIR: account },
  });
  const [kubeconfig, key] = [join(folder, 'kubeconfig'), join(folder, 'auditor.json')];
  writeFileSync(key, JSON.stringify(plane.auditorKey.privateJwk), { mode: 0o600 });
  writeFileSync(kubeconfig, JSON.stringify(configOf(sidecar)));
  const env = (more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    HOME: folder,
    TERM: 'xterm',
    KUBECONFIG: kubeconfig,
    ...more,
  });
  return {
    sidecar,
    kubectl,
    folder,
    env,
    run: (args, how = {}) => runCommand(kubectl, args, { ...how, env: env(how.env) }),
    recorded: (verb, named) => recorded(sidecar, verb, named),
    replay: ({ session }) => replay(sidecar.spoolFolder, session!.id, key, folder),
    async stop() {
      await sidecar.stop();
      await plane.stop();
      await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', WAIT]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startWeb(cluster: Cluster): Promise<void> {
  const image = await buildNodeImage();
  await cluster.importImage(image.archive);
  await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', WAIT]);
  const binding = ['create', 'rolebinding', 'agent', '-n', NAMESPACE, '--clusterrole=admin', `--serviceaccount=${NAMESPACE}:agent`];
  await cluster.kubectl(['create', 'namespace', NAMESPACE]);
  await cluster.kubectl(['create', 'serviceaccount', 'agent', '-n', NAMESPACE]);
  await cluster.kubectl(binding);
  await cluster.apply([webPod(image.reference)]);
  await cluster.kubectl(['wait', '-n', NAMESPACE, '--for=condition=Ready', 'pod/web', WAIT]);
}

function configOf(sidecar: Sidecar): object {
  const server = `https://localhost:${sidecar.targetPort('cluster')}`;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority': join(sidecar.agentFolder, 'ca.crt') } }],
    users: [{ name: 'agent', user: { tokenFile: join(sidecar.agentFolder, 'token') } }],
    contexts: [{ name: 'pod', context: { cluster: 'cluster', user: 'agent', namespace: NAMESPACE } }],
    'current-context': 'pod',
  };
}

async function recorded(sidecar: Sidecar, verb: string, named: string | undefined): Promise<Recorded> {
  const find = (events: readonly AuditEvent[]): Recorded | undefined => {
    const completed = events.filter(({ stage, operation }) => stage === 'complete' && operation?.verb === verb);
    return completed
      .map((complete) => ({ complete, intent: events.find(({ id }) => id === complete.cause)! }))
      .findLast(({ intent }) => named === undefined || JSON.stringify(intent.operation!.parameters).includes(named));
  };
  return find(await sidecar.eventsWhen((events) => find(events) !== undefined))!;
}
