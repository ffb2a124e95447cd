/** What the suite asks of a cluster, and what comes back as plain data. No decisions here. */
import { readFileSync } from 'node:fs';
import type { ApiServer, CommandResult } from '../harness/kubernetes/index.js';
import { until } from '../harness/until.js';
import { markerOf, type Address, type Attempt, type Places, type Probe, type Variant } from './attempt.js';
import { destinationKey, type Records } from './evidence.js';
import type { Hit, ProbeResult } from './outcome.js';
import { AGENT, namespaceOf, secondsOf, TARGETS } from './variants.js';

/** Of the harness's cluster what is used here. */
export interface Ground extends Pick<ApiServer, 'kubectl' | 'tryKubectl' | 'get' | 'apply' | 'serviceAccountToken'> {
  readonly nodeAddress: string;
  readonly nodeAddress6: string;
  readonly dnsAddresses: Address;
  readonly url: string;
  /** A file in the form of /etc/hosts, which the cluster's DNS reads again and again. */
  readonly hostsFile: string;
  nodeExec(argv: readonly string[]): Promise<string>;
  drops(since: Date): Promise<{ reason: string; source: string; destination: string; destinationPort?: number }[]>;
}

/** One round of probes, milliseconds, of which most end by themselves long before. */
const PROBES_TIMEOUT_MS = 300_000;
/** What the suite waits for at most, milliseconds: a sidecar that was killed comes back after kubelet's back-off. */
export const WAIT_MS = 240_000;
export const POLL_MS = 250;
const SERVERS = ['declared', 'upstream', 'node'] as const;

type Named = Probe & { id: string };

export const METADATA: Address = { v4: '169.254.169.254', v6: 'fd00:ec2::254' };

const testdata = (name: string): string => readFileSync(new URL(`../../testdata/bypass/${name}`, import.meta.url), 'utf8');
export const readPrograms = (): Record<string, string> =>
  Object.fromEntries(['probe.py', 'agent.py', 'target.mjs'].map((name) => [name, testdata(name)]));

function addressOf(addresses: readonly string[]): Address {
  const [v4, v6] = [addresses.find((each) => !each.includes(':')), addresses.find((each) => each.includes(':'))];
  if (v4 === undefined || v6 === undefined) throw new Error(`the cluster is not dual-stack: ${addresses.join(', ')}`);
  return { v4, v6 };
}

export async function podAddress(ground: Ground, namespace: string, name: string): Promise<Address> {
  const { status } = await ground.get<{ status: { podIPs: { ip: string }[] } }>('pod', name, '-n', namespace);
  return addressOf(status.podIPs.map(({ ip }) => ip));
}

export async function serviceAddress(ground: Ground, namespace: string, name: string): Promise<Address> {
  const { spec } = await ground.get<{ spec: { clusterIPs: string[] } }>('service', name, '-n', namespace);
  return addressOf(spec.clusterIPs);
}

/** Where things are; what only a running pod knows comes with it. */
export async function placesOf(ground: Ground, variant: Variant, credential: string): Promise<Places> {
  const api = new URL(ground.url);
  const kubernetes = await ground.get<{ spec: { clusterIPs: string[] } }>('service', 'kubernetes', '-n', 'default');
  const [apiV4, apiV6] = [kubernetes.spec.clusterIPs[0]!, kubernetes.spec.clusterIPs[1] ?? ''];
  return {
    marker: `bypass-${variant}`,
    namespace: namespaceOf(variant),
    elsewhere: TARGETS,
    pod: AGENT,
    declared: await podAddress(ground, TARGETS, 'declared'),
    declaredHost: `declared.${TARGETS}.svc`,
    secureHost: `secure.${TARGETS}.svc`,
    rebindHost: 'rebind.test',
    upstream: await podAddress(ground, TARGETS, 'upstream'),
    upstreamService: await serviceAddress(ground, TARGETS, 'upstream'),
    upstreamHost: `upstream.${TARGETS}.svc`,
    node: { v4: ground.nodeAddress, v6: ground.nodeAddress6 },
    metadata: METADATA,
    apiService: { v4: apiV4, v6: apiV6 },
    apiNode: { host: api.hostname, port: Number(api.port) },
    dns: ground.dnsAddresses,
    sidecarUid: 0,
    credential,
    otherToken: '',
    seconds: secondsOf(variant),
  };
}

interface StoredPod {
  spec: { initContainers?: { name: string; securityContext?: { runAsUser?: number } }[] };
  status: { initContainerStatuses?: { name: string; containerID?: string; restartCount: number; ready: boolean }[] };
}

const agentOf = (ground: Ground, variant: Variant): Promise<StoredPod> => ground.get<StoredPod>('pod', AGENT, '-n', namespaceOf(variant));

/** The sidecar as the node runs it; undefined where a pod has none. */
export async function sidecarOf(
  ground: Ground,
  variant: Variant,
): Promise<{ container: string; restarts: number; ready: boolean } | undefined> {
  const { status } = await agentOf(ground, variant);
  const found = status.initContainerStatuses?.find(({ name }) => name === 'cairn-sidecar');
  return found && { container: (found.containerID ?? '').replace('containerd://', ''), restarts: found.restartCount, ready: found.ready };
}

export async function sidecarUidOf(ground: Ground, variant: Variant): Promise<number | undefined> {
  const { spec } = await agentOf(ground, variant);
  return spec.initContainers?.find(({ name }) => name === 'cairn-sidecar')?.securityContext?.runAsUser;
}

export async function areReady(ground: Ground, namespace: string): Promise<boolean> {
  type Pods = { items: { status: { conditions?: { type: string; status: string }[] } }[] };
  const { items } = await ground.get<Pods>('pods', '-n', namespace);
  const ready = ({ status }: Pods['items'][number]): boolean =>
    status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false;
  return items.length > 0 && items.every(ready);
}

/** What pods verify the operator by; enrolled namespaces are given it by the operator. */
export async function operatorCa(ground: Ground): Promise<string> {
  const { data } = await ground.get<{ data: Record<string, string> }>('configmap', 'cairn-ca', '-n', 'cairn-system');
  return data['ca.crt']!;
}

/** Runs a command inside the agent's container. */
export function exec(ground: Ground, variant: Variant, argv: readonly string[]): Promise<CommandResult> {
  return ground.tryKubectl(['exec', '-n', namespaceOf(variant), AGENT, '-c', AGENT, '--', ...argv]);
}

/** Runs probes inside the agent's container, several at a time. */
export const probe = (ground: Ground, variant: Variant, probes: readonly Named[], container = AGENT): Promise<ProbeResult[]> =>
  probeIn(ground, ['-n', namespaceOf(variant), AGENT, '-c', container], secondsOf(variant), probes);

/** Runs probes inside a pod that is no agent's. */
export const probeElsewhere = (ground: Ground, seconds: number, probes: readonly Named[]): Promise<ProbeResult[]> =>
  probeIn(ground, ['-n', TARGETS, 'declared'], seconds, probes);

async function probeIn(ground: Ground, where: readonly string[], seconds: number, probes: readonly Named[]): Promise<ProbeResult[]> {
  const argv = ['exec', '-i', ...where, '--', 'python3', '/programs/probe.py', `${seconds}`];
  return JSON.parse(await ground.kubectl(argv, { input: JSON.stringify(probes), timeoutMs: PROBES_TIMEOUT_MS })) as ProbeResult[];
}

export const probesOf = (attempts: readonly Attempt[], places: Places): Named[] =>
  attempts.map((attempt) => ({ id: attempt.id, ...attempt.probe(places, markerOf(places, attempt.id)) }));

/** The lines of JSON in a text. */
export function jsonLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as T);
}

/** The lists of JSON in a text, joined. */
export function jsonLists<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('['))
    .flatMap((line) => JSON.parse(line) as T[]);
}

const SAY_LAST =
  "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); s.sendall(sys.argv[2].encode()); s.recv(1)";

/** What every server has heard so far: each is told a last word, and its log read once it has that. */
export async function hits(ground: Ground): Promise<Hit[]> {
  const last = `bypass-last-${Date.now()}`;
  const logs = SERVERS.map(async (name) => {
    const port = name === 'node' ? '80' : '8080';
    await ground.kubectl(['exec', '-n', TARGETS, name, '--', 'python3', '-c', SAY_LAST, port, `GET /${last} HTTP/1.1\r\n\r\n`]);
    return until(
      `${last} in the log of ${name}`,
      async () => {
        const log = await ground.kubectl(['logs', '-n', TARGETS, name]);
        return log.includes(last) && log;
      },
      WAIT_MS,
      POLL_MS,
    );
  });
  return (await Promise.all(logs)).flatMap((log) => jsonLines<Hit>(log));
}

/** Prints what of the spool is sought: ids of events, and destinations of CONNECTs that were refused. The image has no shell. */
const READ_SPOOL = `
const fs = require('node:fs'), path = require('node:path');
for (const name of fs.readdirSync('/var/spool/cairn', { recursive: true })) {
  const file = path.join('/var/spool/cairn', name);
  if (!fs.statSync(file).isFile()) continue;
  const text = fs.readFileSync(file, 'latin1');
  for (const [, id] of text.matchAll(/"id":"([0-9a-f-]{36})"/g)) console.log(JSON.stringify({ id }));
  for (const [, resource] of text.matchAll(/"resource":"([^"]+:\\d+)"[^}]*"verb":"CONNECT"/g)) console.log(JSON.stringify({ resource }));
  for (const [, resource] of text.matchAll(/"verb":"CONNECT"[^}]*"resource":"([^"]+:\\d+)"/g)) console.log(JSON.stringify({ resource }));
}`;

function splitDestination(resource: string): string {
  const at = resource.lastIndexOf(':');
  return destinationKey(resource.slice(0, at), resource.slice(at + 1));
}

/** What the layers themselves tell of a variant since a moment. */
export async function recordsOf(ground: Ground, variant: Variant, since: Date): Promise<Records> {
  const pod = ['-n', namespaceOf(variant), AGENT, '-c', 'cairn-sidecar'];
  const spool = jsonLines<{ id?: string; resource?: string }>(await ground.kubectl(['exec', ...pod, '--', 'node', '-e', READ_SPOOL]));
  const log = jsonLines<{ message?: string; msg?: string; name?: string }>(await ground.kubectl(['logs', ...pod]));
  const { v4, v6 } = await podAddress(ground, namespaceOf(variant), AGENT);
  const own = new Set([destinationKey(v4), destinationKey(v6)]);
  const drops = (await ground.drops(since)).filter(({ source }) => own.has(destinationKey(source)));
  return {
    events: new Set(spool.flatMap(({ id }) => (id === undefined ? [] : [id]))),
    refusedDestinations: new Set(spool.flatMap(({ resource }) => (resource === undefined ? [] : [splitDestination(resource)]))),
    refusedNames: new Set(log.flatMap(({ name, ...rest }) => (name && JSON.stringify(rest).includes('name refused') ? [name] : []))),
    drops: new Set(drops.map(({ destination, destinationPort }) => destinationKey(destination, destinationPort))),
  };
}
