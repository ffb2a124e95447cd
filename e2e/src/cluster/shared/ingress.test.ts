/** Given a target whose owner asks that agents alone reach it, see by Cilium's word who does: an agent through its sidecar, nobody else. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { installCairn } from '../../harness/cluster/cairn.js';
import { attachCluster, type Cluster } from '../../harness/cluster/index.js';
import { buildNodeImage } from '../../harness/images/index.js';
import { until } from '../../harness/until.js';

const AGENTS = 'ingress-agents';
const TARGETS = 'ingress-targets';
const OTHERS = 'ingress-others';
const URL = `http://server.${TARGETS}.svc`;
/** A pod of a busy machine, and what the network plugin makes of a policy. */
const WAIT_MS = 120_000;
const POLL_MS = 500;

const SERVER = `require('node:http').createServer((_, answer) => answer.end('served')).listen(8080)`;
const IDLE = 'setInterval(() => undefined, 60_000)';
/** Prints the answer, or that none came. A dropped packet is not answered. */
const ASK = `fetch('${URL}', { signal: AbortSignal.timeout(3000) }).then((answer) => answer.text(), () => 'nothing').then(console.log)`;

const pod = (namespace: string, name: string, image: string, program: string, annotations: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: name }, annotations },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image, imagePullPolicy: 'Never', command: ['node', '-e', program] }],
  },
});

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'server', namespace: TARGETS, annotations: { 'cairn.dev/ingress': 'agents' } },
  spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 8080 }] },
};

const policy = {
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name: 'agents', namespace: AGENTS },
  spec: {
    identity: { required: false, providers: [], maxDepth: 5, onAmbiguous: 'Record' },
    targets: [{ name: 'server', protocol: 'http', hosts: [`server.${TARGETS}.svc`], port: 80 }],
    default: { action: 'Allow', level: 'Metadata' },
    undeclared: 'Deny',
  },
};

const namespace = (name: string, labels = {}): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });

describe("the target's side of the fence", { timeout: 480_000 }, () => {
  let cluster: Cluster;
  let since: Date;

  /** What a pod is answered. */
  const answer = async (where: string, name: string): Promise<string> =>
    (await cluster.kubectl(['exec', '-n', where, name, '-c', 'main', '--', 'node', '-e', ASK])).trim();
  const answered = (where: string, name: string, expected: string): Promise<unknown> =>
    until(`${name} to be answered: ${expected}`, async () => (await answer(where, name)) === expected, WAIT_MS, POLL_MS);
  const ready = (where: string): Promise<string> =>
    cluster.kubectl(['wait', '-n', where, '--for=condition=Ready', 'pod', '--all', `--timeout=${WAIT_MS / 1000}s`]);

  /** Conditions that the operator has written on the agents' policy. */
  const observed = (): Promise<string> =>
    cluster.kubectl(['get', 'auditpolicy', 'agents', '-n', AGENTS, '-o', 'jsonpath={.status.conditions[*].type}']);

  before(async () => {
    cluster = await attachCluster();
    const image = await buildNodeImage();
    await cluster.importImage(image.archive);
    await installCairn(cluster);
    const { reference } = image;
    since = new Date();
    await cluster.apply([namespace(AGENTS, { 'cairn.dev/enroll': 'true' }), namespace(TARGETS), namespace(OTHERS)]);
    await cluster.apply([service, policy, pod(TARGETS, 'server', reference, SERVER), pod(OTHERS, 'stranger', reference, IDLE)]);
    await until('the policy to be compiled', async () => (await observed()) !== '', WAIT_MS, POLL_MS);
    await cluster.apply([pod(AGENTS, 'agent', reference, IDLE, { 'cairn.dev/inject': 'true' })]);
    await Promise.all([AGENTS, TARGETS, OTHERS].map(ready));
  });
  after(() => cluster?.tryKubectl(['delete', 'namespace', AGENTS, TARGETS, OTHERS, '--ignore-not-found', '--wait=false']));

  test("an agent whose policy declares it reaches it, a pod of another namespace does not, and the drop is the network policy's", async () => {
    await answered(OTHERS, 'stranger', 'nothing');
    await answered(AGENTS, 'agent', 'served');
    const stranger = await cluster.get<{ status: { podIP: string } }>('pod', 'stranger', '-n', OTHERS);
    const drops = await cluster.drops(since);
    assert.ok(
      drops.some(({ source, destinationPort }) => source === stranger.status.podIP && destinationPort === 8080),
      JSON.stringify(drops.slice(-5)),
    );
  });

  test('the owner takes the annotation off, and everybody reaches it again', async () => {
    await cluster.kubectl(['annotate', 'service', 'server', '-n', TARGETS, 'cairn.dev/ingress-']);
    await answered(OTHERS, 'stranger', 'served');
    await answered(AGENTS, 'agent', 'served');
  });
});
