/** The cluster itself: what the other suites take for granted, each thing seen once with nothing of Cairn's in the way. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { attachCluster, type Cluster, type Drop } from '../../harness/cluster/index.js';
import { buildNodeImage } from '../../harness/images/index.js';

const NAMESPACE = 'smoke';
const WAIT = '--timeout=90s';
const POLL_MS = 100;
/** In seconds: how long a client tries before it calls a port closed. */
const CONNECT_SECONDS = 3;

/** Serves its peer's address on both families. */
const SERVER = `require('node:http').createServer((request, response) => response.end(request.socket.remoteAddress)).listen(8080, '::', () => console.log('serving'))`;
/** Prints what answers, or why nothing does. */
const GET = `fetch(process.argv[1], { signal: AbortSignal.timeout(${CONNECT_SECONDS}000) }).then((r) => r.text()).then((t) => console.log('answered ' + t), (e) => console.log('refused ' + (e.cause?.code ?? e.name)))`;

describe('a node with real pods', () => {
  let cluster: Cluster;
  let image: string;
  const kubectl = (...args: string[]) => cluster.kubectl(['-n', NAMESPACE, ...args]);
  const node = (script: string, ...args: string[]) => kubectl('exec', 'client', '--', 'node', '-e', script, ...args);
  const podIps = async (name: string) =>
    (await cluster.get<{ status: { podIPs: { ip: string }[] } }>('pod', name, '-n', NAMESPACE)).status.podIPs.map(({ ip }) => ip) as [
      string,
      string,
    ];

  const pod = (name: string, script: string, extra: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image, imagePullPolicy: 'Never', command: ['node', '-e', script] }],
      ...extra,
    },
  });

  before(async () => {
    cluster = await attachCluster();
    const built = await buildNodeImage();
    image = built.reference;
    await cluster.importImage(built.archive);
    await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', WAIT]);
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'server', namespace: NAMESPACE },
      spec: { selector: { app: 'server' }, ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80, targetPort: 8080 }] },
    };
    await cluster.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
      service,
      pod('server', SERVER),
      pod('client', 'setInterval(() => {}, 1e6)'),
    ]);
    await kubectl('wait', '--for=condition=Ready', 'pod/server', 'pod/client', WAIT);
  });

  after(async () => {
    await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', WAIT]);
  });

  it('keeps logs, and runs commands in a container', async () => {
    assert.match(await kubectl('logs', 'server'), /serving/);
    assert.match(await node('console.log(process.version)'), /^v\d+/);
  });

  it('resolves names of the cluster and of the hosts file over both families', async () => {
    const resolve = (server: string, name: string, family: 4 | 6) =>
      node(
        `const r = new (require('node:dns').promises.Resolver)(); r.setServers([process.argv[1]]); r.resolve${family}(process.argv[2]).then((a) => console.log(a[0]), (e) => console.log(e.code))`,
        server,
        name,
      );
    const { v4, v6 } = cluster.dnsAddresses;
    const [service] = await serviceIps();
    assert.equal((await resolve(v4, `server.${NAMESPACE}.svc.cluster.local`, 4)).trim(), service);
    assert.equal((await resolve(`[${v6}]`, `server.${NAMESPACE}.svc.cluster.local`, 4)).trim(), service);
    assert.equal((await resolve(v4, 'example.com', 4)).trim(), 'ENOTFOUND');
  });

  it('reaches a Service by its ClusterIPs from a pod and from the machine', async () => {
    const [from4, from6] = await podIps('client');
    const [v4, v6] = await serviceIps();
    assert.equal((await node(GET, `http://${v4}`)).trim(), `answered ::ffff:${from4}`);
    assert.equal((await node(GET, `http://[${v6}]`)).trim(), `answered ${from6}`);
    assert.match(await (await fetch(`http://${v4}`)).text(), /^::ffff:/);
    assert.match(await (await fetch(`http://[${v6}]`)).text(), /^fdca:/);
  });

  it('drops what a network policy forbids, over both families, and says so', async () => {
    const [v4, v6] = await podIps('server');
    const urls = [`http://${v4}:8080`, `http://[${v6}]:8080`];
    for (const url of urls) assert.match(await node(GET, url), /^answered/);
    const began = new Date();
    const policy = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'nothing-out', namespace: NAMESPACE },
      spec: { podSelector: { matchLabels: { app: 'client' } }, policyTypes: ['Egress'] },
    };
    await cluster.apply([policy]);
    await until(async () => (await node(GET, urls[0]!)).startsWith('refused'));
    assert.match(await node(GET, urls[1]!), /^refused/);
    const dropTo = async (ip: string): Promise<Drop | undefined> =>
      (await cluster.drops(began)).find(({ destination }) => destination === ip);
    for (const destination of [v4, v6]) {
      await until(async () => (await dropTo(destination)) !== undefined);
      const { reason, protocol, destinationPort } = (await dropTo(destination))!;
      assert.deepEqual([reason, protocol, destinationPort], ['Policy denied', 'TCP', 8080]);
    }
    await kubectl('delete', 'networkpolicy', 'nothing-out');
    await until(async () => (await node(GET, urls[0]!)).startsWith('answered'));
  });

  it('completes a Job whose native sidecar would run on', async () => {
    const sidecar = {
      name: 'side',
      image,
      imagePullPolicy: 'Never',
      restartPolicy: 'Always',
      command: ['node', '-e', 'setInterval(() => {}, 1e6)'],
    };
    const template = {
      spec: {
        ...pod('job', 'console.log("done")', { initContainers: [sidecar], restartPolicy: 'Never', terminationGracePeriodSeconds: 1 }).spec,
      },
    };
    await cluster.apply([{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'job', namespace: NAMESPACE }, spec: { template } }]);
    await kubectl('wait', '--for=condition=Complete', 'job/job', WAIT);
    assert.match(await kubectl('logs', 'job/job', '-c', 'main'), /done/);
  });

  it('projects a token for an audience', async () => {
    const volume = { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'cairn.dev' } }] } };
    const script = `console.log(require('node:fs').readFileSync('/token/token', 'utf8').split('.')[1])`;
    const holder = pod('holder', script, { restartPolicy: 'Never', volumes: [volume] });
    const [container] = holder.spec.containers as [object];
    Object.assign(container, { volumeMounts: [{ name: 'token', mountPath: '/token' }] });
    await cluster.apply([holder]);
    await kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/holder', WAIT);
    const claims = JSON.parse(Buffer.from((await kubectl('logs', 'holder')).trim(), 'base64url').toString()) as {
      aud: string[];
      sub: string;
    };
    assert.deepEqual(claims.aud, ['cairn.dev']);
    assert.equal(claims.sub, `system:serviceaccount:${NAMESPACE}:default`);
  });

  it('adds an ephemeral container to a running pod', async () => {
    const args = [
      'debug',
      'client',
      '--image',
      image,
      '--image-pull-policy=Never',
      '--container=probe',
      '--profile=general',
      '--target=main',
    ];
    await kubectl(...args, '--', 'node', '-e', 'console.log(require("node:fs").readFileSync("/proc/1/cmdline", "utf8"))');
    await until(async () => (await kubectl('logs', 'client', '-c', 'probe')).includes('setInterval'));
  });

  it('ends a container that takes more memory than it may', async () => {
    const greedy = pod('greedy', 'const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))', { restartPolicy: 'Never' });
    const [container] = greedy.spec.containers as [object];
    Object.assign(container, { resources: { limits: { memory: '96Mi' } } });
    await cluster.apply([greedy]);
    const path = '{.status.containerStatuses[0].state.terminated.reason}';
    await kubectl('wait', `--for=jsonpath=${path}=OOMKilled`, 'pod/greedy', WAIT);
  });

  it('writes who created a pod, and its body, into the audit log', async () => {
    const entries = (await readFile(cluster.auditLog, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditEntry);
    const created = entries.find(
      ({ verb, objectRef, requestObject }) =>
        verb === 'create' &&
        objectRef?.resource === 'pods' &&
        // The scheduler creates a binding of that name.
        objectRef.subresource === undefined &&
        objectRef.namespace === NAMESPACE &&
        requestObject?.metadata.name === 'server',
    );
    assert.equal(created?.user.username, 'kubernetes-admin');
    assert.equal(created?.requestObject?.metadata.name, 'server');
  });

  async function serviceIps(): Promise<[string, string]> {
    const service = await cluster.get<{ spec: { clusterIPs: [string, string] } }>('service', 'server', '-n', NAMESPACE);
    return service.spec.clusterIPs;
  }
});

interface AuditEntry {
  verb: string;
  user: { username: string };
  objectRef?: { resource: string; subresource?: string; namespace?: string };
  requestObject?: { metadata: { name: string } };
}

/** The test's own time limit ends a wait that does not come to an end. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition().catch(() => false))) await delay(POLL_MS);
}
