/** kubectl's streams through a sidecar to a real kubelet: port-forward, logs -f, attach. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { attachCluster, type Cluster } from '../harness/cluster/index.js';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { buildNodeImage } from '../harness/images/index.js';
import { kubectlProgram, runCommand } from '../harness/kubernetes/index.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

const NAMESPACE = 'exec';
const WAIT = '--timeout=120s';
/** Says on its log whom it serves. */
const SERVER = `require('node:http').createServer((q, r) => (console.log('asked for ' + q.url), r.end('served ' + q.url))).listen(8080, () => console.log('serving'))`;

const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: cluster, namespace: research}
spec:
  selector: {}
  identity: {required: true, providers: [], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - {name: cluster, protocol: kubernetes, credential: {serviceAccount: agent}}
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

describe("kubectl's streams through a sidecar to a kubelet", () => {
  let cluster: Cluster;
  let folder: string;
  let plane: ControlPlane;
  let sidecar: Sidecar;
  let kubectl: string;

  before(async () => {
    cluster = await attachCluster();
    kubectl = await kubectlProgram();
    folder = mkdtempSync(join(tmpdir(), 'cairn-exec-'));
    const image = await buildNodeImage();
    await cluster.importImage(image.archive);
    await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', WAIT]);
    const binding = ['create', 'rolebinding', 'agent', '-n', NAMESPACE, '--clusterrole=admin', `--serviceaccount=${NAMESPACE}:agent`];
    await cluster.kubectl(['create', 'namespace', NAMESPACE]);
    await cluster.kubectl(['create', 'serviceaccount', 'agent', '-n', NAMESPACE]);
    await cluster.kubectl(binding);
    await cluster.apply([webPod(image.reference)]);
    await cluster.kubectl(['wait', '-n', NAMESPACE, '--for=condition=Ready', 'pod/web', WAIT]);
    plane = await startControlPlane(POLICY);
    const account = join(folder, 'service-account');
    mkdirSync(account);
    writeFileSync(join(account, 'token'), await cluster.serviceAccountToken(NAMESPACE, 'agent', { pod: 'web' }));
    writeFileSync(join(account, 'ca.crt'), cluster.caCert);
    sidecar = await startSidecar({
      plane,
      targets: ['cluster'],
      resolve: { 'kubernetes.default.svc:443': new URL(cluster.url).host },
      env: { CAIRN_SERVICE_ACCOUNT_DIR: account },
    });
    const server = `https://localhost:${sidecar.targetPort('cluster')}`;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority': join(sidecar.agentFolder, 'ca.crt') } }],
      users: [{ name: 'agent', user: { tokenFile: join(sidecar.agentFolder, 'token') } }],
      contexts: [{ name: 'pod', context: { cluster: 'cluster', user: 'agent', namespace: NAMESPACE } }],
      'current-context': 'pod',
    };
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config));
  });
  after(async () => {
    await sidecar?.stop();
    await plane?.stop();
    await cluster?.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', WAIT]);
    rmSync(folder, { recursive: true, force: true });
  });

  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: folder, KUBECONFIG: join(folder, 'kubeconfig') });
  const run = (args: readonly string[]) => runCommand(kubectl, args, { env: env() });
  const completed = (events: readonly AuditEvent[], verb: string): AuditEvent[] =>
    events.filter(({ stage, operation }) => stage === 'complete' && operation?.verb === verb);
  const recorded = async (verb: string): Promise<{ intent: AuditEvent; complete: AuditEvent }> => {
    const events = await sidecar.eventsWhen((all) => completed(all, verb).length > 0);
    const complete = completed(events, verb).at(-1)!;
    return { intent: events.find(({ id }) => id === complete.cause)!, complete };
  };
  /** What a program says, and the point at which it has said something. */
  function heard(child: ChildProcessWithoutNullStreams): (what: RegExp) => Promise<string> {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.stderr.resume();
    return async (what) => {
      while (!what.test(text)) await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
      return text;
    };
  }

  it('a port is forwarded, and that it was is recorded', async () => {
    const forward = spawn(kubectl, ['port-forward', 'pod/web', ':8080'], { env: env() });
    const text = await heard(forward)(/127\.0\.0\.1:(\d+)/);
    const port = /127\.0\.0\.1:(\d+)/.exec(text)![1]!;
    for (const path of ['/one', '/two']) assert.equal(await (await fetch(`http://127.0.0.1:${port}${path}`)).text(), `served ${path}`);
    forward.kill('SIGINT');
    await once(forward, 'exit');
    const { intent, complete } = await recorded('pods/portforward');
    assert.deepEqual([intent.operation!.effect, complete.response!.status], ['execute', '101']);
    assert.ok(complete.response!.size > 0);
  });

  it('a log is followed line by line as it is written', async () => {
    const follow = spawn(kubectl, ['logs', '-f', 'web', '-c', 'main'], { env: env() });
    const says = heard(follow);
    await says(/serving/);
    const node = `fetch('http://127.0.0.1:8080/followed').then((r) => r.text())`;
    assert.equal((await run(['exec', 'web', '-c', 'main', '--', 'node', '-e', node])).code, 0);
    await says(/asked for \/followed/);
    follow.kill('SIGINT');
    await once(follow, 'exit');
    const complete = (await sidecar.eventsWhen((events) => completed(events, 'get').some(isLog))).findLast(
      (event) => event.stage === 'complete' && isLog(event),
    )!;
    assert.ok(complete.response!.size > 0);
  });

  it('what is attached to is recorded both ways', async () => {
    const attached = spawn(kubectl, ['attach', '-i', 'web', '-c', 'shell'], { env: env() });
    const says = heard(attached);
    attached.stdin.write('are you there\n');
    await says(/are you there/);
    attached.kill('SIGINT');
    await once(attached, 'exit');
    const { complete } = await recorded('pods/attach');
    assert.match(complete.response!.payload![0]!.type, /asciicast/);
  });
});

const isLog = ({ operation }: AuditEvent): boolean => operation?.resource === `${NAMESPACE}/pods/web/log`;
