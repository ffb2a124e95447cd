/** kubectl exec through a sidecar, and its replay. The other end is a WebSocket server of these tests: no kubelet runs here. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { Exec, KubeConfig, type V1Status } from '@kubernetes/client-node';
import type { AuditEvent } from '@cairn/audit';
import { openLedger, SpoolIngest } from '@cairn/ledger';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { localhostCertificate } from '@cairn/cli';
import { kubectlProgram } from '../harness/kubernetes/index.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';
import { startExecServer, type ExecServer } from './exec-server.js';

const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: cluster, namespace: research}
spec:
  selector: {}
  identity: {required: true, providers: [], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - name: cluster
    protocol: kubernetes
    hosts: [localhost]
    tls: {caSecret: {name: cluster, key: ca.crt}}
    credential: {bearerSecret: {name: cluster, key: token}}
  rules:
  - {name: no-attach, match: {verbs: [pods/attach]}, action: Deny, reason: attach is for people}
  default: {action: Allow, level: RequestResponse}
  undeclared: Deny
`;
const CAIRN = join(dirname(createRequire(import.meta.url).resolve('@cairn/cli')), '..', 'bin', 'cairn.js');

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function run(command: string, args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Outcome> {
  const child = spawn(command, args, { env: options.env ?? process.env, stdio: 'pipe' });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text));
  child.stdin.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

describe('exec through a sidecar', () => {
  let folder: string;
  let server: ExecServer;
  let plane: ControlPlane;
  let sidecar: Sidecar;
  let config: object;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-exec-'));
    const { ca, cert, key } = await localhostCertificate();
    server = await startExecServer({ cert, key });
    plane = await startControlPlane(POLICY);
    sidecar = await startSidecar({
      plane,
      targets: ['cluster'],
      credentials: { cluster: { 'ca.crt': ca, token: 'the-cluster-token' } },
      resolve: { 'localhost:443': server.address },
    });
    const address = {
      server: `https://localhost:${sidecar.targetPort('cluster')}`,
      'certificate-authority': join(sidecar.agentFolder, 'ca.crt'),
    };
    config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'cluster', cluster: address }],
      users: [{ name: 'agent', user: { tokenFile: join(sidecar.agentFolder, 'token') } }],
      contexts: [{ name: 'pod', context: { cluster: 'cluster', user: 'agent', namespace: 'research' } }],
      'current-context': 'pod',
    };
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config));
  });
  after(async () => {
    await sidecar?.stop();
    await plane?.stop();
    server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const kubectl = async (args: readonly string[], input?: string): Promise<Outcome> => {
    const env = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: join(folder, 'kubeconfig') };
    return run(await kubectlProgram(), args, { env, ...(input === undefined ? {} : { input }) });
  };
  const recorded = async (verb: string, count: number): Promise<{ intent: AuditEvent; complete: AuditEvent }> => {
    const completed = (events: AuditEvent[]): AuditEvent[] =>
      events.filter(({ stage, operation }) => stage === 'complete' && operation?.verb === verb);
    const events = await sidecar.eventsWhen((all) => completed(all).length >= count);
    const complete = completed(events)[count - 1]!;
    return { intent: events.find(({ id }) => id === complete.cause)!, complete };
  };

  test('kubectl runs a command, hears it and gets its exit code; the API server is asked as the pod', async () => {
    const { code, stdout, stderr } = await kubectl(['exec', '-i', 'web', '--', 'echo', '--loud'], 'good morning\n');
    assert.equal(stdout, 'heard good morning\n', stderr);
    assert.match(stderr, /over\ncommand terminated with exit code 3/);
    assert.equal(code, 3);
    const { intent, complete } = await recorded('pods/exec', 1);
    const { operation } = intent;
    assert.deepEqual([operation!.resource, operation!.effect], ['research/pods/web/exec', 'execute']);
    assert.deepEqual(operation!.parameters!['command'], ['echo', '--loud']);
    assert.equal(complete.response!.status, '3');
    assert.deepEqual(
      server.asked.map(({ authorization, auditId }) => [authorization, auditId]),
      [['Bearer the-cluster-token', intent.id]],
    );
  });

  test('the JavaScript client does the same', async () => {
    const client = new KubeConfig();
    client.loadFromString(JSON.stringify(config));
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    let heard = '';
    stdout.on('data', (bytes: Buffer) => (heard += bytes.toString()));
    const status = new Promise<V1Status>((resolve, reject) => {
      new Exec(client).exec('research', 'web', 'main', ['cat'], stdout, stderr, stdin, false, resolve).catch(reject);
    });
    stdin.write('hello');
    while (!heard.includes('heard hello')) await once(stdout, 'data');
    stdin.end();
    assert.equal((await status).status, 'Failure');
    const { complete } = await recorded('pods/exec', 2);
    assert.equal(complete.response!.status, '3');
  });

  test('the policy decides before anything is opened, and kubectl says what it said', async () => {
    const opened = server.asked.length;
    const { code, stderr } = await kubectl(['attach', '-i', 'web'], '');
    assert.notEqual(code, 0);
    assert.match(stderr, /attach is for people/);
    assert.equal(server.asked.length, opened);
  });

  test('the session replays, keystroke by keystroke, for whoever holds the key', async () => {
    await recorded('pods/exec', 1);
    const ledger = openLedger(join(folder, 'ledger'), { create: true });
    new SpoolIngest(ledger, sidecar.spoolFolder).drain();
    ledger.close();
    const key = join(folder, 'auditor.json');
    writeFileSync(key, JSON.stringify(plane.auditorKey.privateJwk), { mode: 0o600 });
    const sealed = await run(process.execPath, [CAIRN, 'replay', '--ledger', join(folder, 'ledger')]);
    assert.doesNotMatch(sealed.stdout, /good morning/);
    const { stdout, stderr, code } = await run(process.execPath, [CAIRN, 'replay', '--ledger', join(folder, 'ledger'), '--key', key]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /typed "good morning\\n"\n[^]*output "heard good morning\\n"\n[^]*stderr "over\\n"\n[^]*exit 3/);
  });
});
