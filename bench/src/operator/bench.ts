/** One operator over a cluster full of agents: how fast it is through with all of it, how soon with one change, and what it takes. PODS and POLICIES size it. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startApiServer, startReplica, type ApiServer } from '@cairn/e2e';
import { childPid, cpuMicroseconds, pin, PROXY_CORE, rssMegabytes } from '../measure/process.js';
import { progress } from '../measure/progress.js';
import { quantile, rowsOf, type Measured } from '../report/row.js';
import type { Section } from '../report/section.js';
import { Api, parallel } from './api.js';
import { clusterOf, type Cluster } from './cluster.js';
import { AUDIT_POLICIES, pathOf, podsInMemory, until, untilCurrent, untilFenced, untilObserved, untilUsable } from './observe.js';

const DEFAULT_PODS = 5000;
const DEFAULT_POLICIES = 200;
const CHANGES = 20;
const IDLE_SECONDS = 5;
const PROCESS_POLL_MS = 5;
const OPERATOR = 'operator/dist/main.js';
const NAMESPACE = 'cairn-system';
const repositoryFile = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

function sizeOf(variable: string, otherwise: number): number {
  const size = Number(process.env[variable] || otherwise);
  if (!Number.isInteger(size) || size < 1) throw new Error(`${variable} is a number of objects, at least 1`);
  return size;
}

interface Scope {
  after(end: () => Promise<void>): void;
}

interface Operator {
  pid: number;
  adminUrl: string;
}

async function connect(server: ApiServer): Promise<Api> {
  await server.kubectl(['create', 'clusterrolebinding', 'bench', '--clusterrole=cluster-admin', '--serviceaccount=default:default']);
  return new Api({ url: server.url, ca: server.caCert, token: await server.serviceAccountToken('default', 'default', { seconds: 3600 }) });
}

/** Before the webhooks are there, as on a cluster that is upgraded or whose operator was down. */
async function fill(server: ApiServer, api: Api, cluster: Cluster, pods: number): Promise<number> {
  const { namespaces, policies } = cluster;
  await server.kubectl(['apply', '-f', repositoryFile('crds/manifests')]);
  await server.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  await parallel(namespaces.length, (index) => {
    const metadata = { name: namespaces[index]!, labels: { 'cairn.dev/enroll': 'true' } };
    return api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
  });
  await parallel(policies.length, (index) => {
    const { namespace, object } = policies[index]!;
    return api.create(AUDIT_POLICIES.replace('auditpolicies', `namespaces/${namespace}/auditpolicies`), object);
  });
  await untilUsable(api, namespaces);
  const begun = performance.now();
  await parallel(pods, (index) => {
    const { namespace, object } = cluster.pod(index);
    return api.create(`/api/v1/namespaces/${namespace}/pods`, object);
  });
  return (performance.now() - begun) / 1000;
}

/** From the moment that the process is there, on a core of its own. */
async function cold(server: ApiServer, api: Api, cluster: Cluster, scope: Scope): Promise<[Operator, Measured]> {
  const starting = startReplica(server, 'operator-bench', {}).then((replica) => {
    scope.after(() => replica.end());
    return replica;
  });
  const appeared = until('process of the operator', PROCESS_POLL_MS, () => Promise.resolve(childPid(OPERATOR) !== undefined));
  await Promise.race([appeared, starting]);
  const pid = childPid(OPERATOR)!;
  pin(pid, PROXY_CORE);
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  const [{ adminUrl }, observed, fenced] = await Promise.all([
    starting,
    untilObserved(api, cluster.policies.length).then(seconds),
    untilFenced(api, cluster).then(seconds),
  ]);
  const count = cluster.policies.length + cluster.namespaces.length;
  const rounds = [{ rate: count / Math.max(observed, fenced), cpuMicroseconds: cpuMicroseconds(pid) / count }];
  const name = `from start until all is reconciled (conditions ${observed.toFixed(1)} s, fences ${fenced.toFixed(1)} s)`;
  return [
    { pid, adminUrl },
    { name, rounds, rssMegabytes: rssMegabytes(pid) },
  ];
}

const changeOf = (maxDepth: number): object => ({ spec: { identity: { maxDepth } } });

async function everyChanged(api: Api, { policies }: Cluster, { pid }: Operator): Promise<Measured> {
  const [cpu, begun] = [cpuMicroseconds(pid), performance.now()];
  await parallel(policies.length, (index) => api.mergePatch(pathOf(policies[index]!), changeOf(4)));
  await untilObserved(api, policies.length);
  const seconds = (performance.now() - begun) / 1000;
  const rounds = [{ rate: policies.length / seconds, cpuMicroseconds: (cpuMicroseconds(pid) - cpu) / policies.length }];
  return { name: `every policy changed at once (${seconds.toFixed(1)} s)`, rounds, rssMegabytes: rssMegabytes(pid) };
}

async function oneChanged(api: Api, { policies }: Cluster, { pid }: Operator): Promise<Measured> {
  const cpu = cpuMicroseconds(pid);
  const times: number[] = [];
  for (let index = 0; index < CHANGES; index++) {
    const key = policies[index % policies.length]!;
    const begun = performance.now();
    await api.mergePatch(pathOf(key), changeOf(5 + (Math.floor(index / policies.length) % 2)));
    await untilCurrent(api, key);
    times.push(performance.now() - begun);
  }
  const seconds = times.reduce((sum, each) => sum + each, 0) / 1000;
  const rounds = [{ rate: CHANGES / seconds, cpuMicroseconds: (cpuMicroseconds(pid) - cpu) / CHANGES }];
  const latency = { p50: quantile(times, 0.5)!, p99: quantile(times, 0.99)! };
  return { name: 'one policy changed after the other', rounds, latency, rssMegabytes: rssMegabytes(pid) };
}

async function idle(_api: Api, _cluster: Cluster, { pid, adminUrl }: Operator): Promise<Measured> {
  const cpu = cpuMicroseconds(pid);
  await delay(IDLE_SECONDS * 1000);
  const share = (cpuMicroseconds(pid) - cpu) / (IDLE_SECONDS * 10_000);
  const name = `at idle with ${await podsInMemory(adminUrl)} agents' pods in memory (${share.toFixed(1)} % of a core)`;
  return { name, rounds: [], rssMegabytes: rssMegabytes(pid) };
}

async function measured(cluster: Cluster, pods: number, scope: Scope): Promise<Section> {
  progress('starting the API server');
  const server = await startApiServer(scope);
  const api = await connect(server);
  scope.after(async () => api.close());
  progress(`creating ${pods} pods, ${cluster.policies.length} policies, ${cluster.namespaces.length} namespaces`);
  const seconds = await fill(server, api, cluster, pods);
  progress(`pods created in ${seconds.toFixed(0)} s; starting the operator`);
  await server.kubectl(['create', 'namespace', NAMESPACE]);
  await server.helm(['install', 'cairn', repositoryFile('charts/cairn'), '-n', NAMESPACE, '--set', 'crds.install=false']);
  const [operator, first] = await cold(server, api, cluster, scope);
  const rows = [first];
  for (const measure of [everyChanged, oneChanged, idle]) {
    progress(`${rows.at(-1)!.name}: done`);
    rows.push(await measure(api, cluster, operator));
  }
  return { title: 'Operator', notes: notesOf(cluster, pods), rows: rowsOf(rows) };
}

function notesOf({ policies, namespaces }: Cluster, pods: number): string[] {
  return [
    `${pods} agents' pods, ${policies.length} AuditPolicies, ${namespaces.length} enrolled namespaces on a real API server; the operator alone on one core, API server, etcd and load on the other.`,
    'Pods stand there injected before the webhooks and the operator do, so that it starts into all of them; policy changes pass its webhook. No node: all are Pending.',
    `Rate: policies and namespaces a second from the start of the process, then policies a second; CPU: of the operator, for one of them. p50 and p99: from the change until every controller has told of it in the status, ${CHANGES} changes.`,
  ];
}

export async function benchOperator(): Promise<Section> {
  const pods = sizeOf('PODS', DEFAULT_PODS);
  const cluster = clusterOf(pods, sizeOf('POLICIES', DEFAULT_POLICIES));
  const ends: (() => Promise<void>)[] = [];
  try {
    return await measured(cluster, pods, { after: (end) => void ends.unshift(end) });
  } finally {
    for (const end of ends) await end();
  }
}
