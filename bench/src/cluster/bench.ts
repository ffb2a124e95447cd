/** What Cairn costs the pods of a cluster: their start, and their sidecars' memory and CPU at rest and under load, beside the same pods without it. PODS=50 sizes it. */
import { setTimeout as delay } from 'node:timers/promises';
import { attachCluster, buildImages, installCairn, type Cluster } from '@cairn/e2e';
import { Api } from '../operator/api.js';
import { progress } from '../measure/progress.js';
import { quantile, rowsOf, type Measured } from '../report/row.js';
import type { Section } from '../report/section.js';
import { LOAD_SECONDS, measureLoad, ROUNDS } from './load.js';
import { enrolment, namespaceOf, surroundings, VARIANTS, type Variant } from './pods.js';
import { measureRest, REST_SECONDS, RESTING, type Resting, type Role } from './rest.js';
import { measureStarts, startOne } from './start.js';

const DEFAULT_PODS = 50;

interface Node {
  status: { nodeInfo: { kubeletVersion: string; containerRuntimeVersion: string } };
}

const podsWanted = (): number => {
  const pods = Number(process.env['PODS'] || DEFAULT_PODS);
  if (!Number.isInteger(pods) || pods < 1) throw new Error('PODS is a number of pods, at least 1');
  return pods;
};

export async function benchCluster(): Promise<Section> {
  const pods = podsWanted();
  const cluster = await attachCluster();
  progress('installing Cairn');
  await installCairn(cluster);
  const images = await buildImages();
  await prepare(cluster);
  const api = await connect(cluster);
  try {
    // One of each first: nobody waits for the first pod of a namespace again.
    for (const variant of VARIANTS) await startOne(cluster, api, variant, 'first');
    progress(`starting ${pods} pods with Cairn and as many without, by turns`);
    const starts = await measureStarts(cluster, api, pods);
    progress('looking at pods at rest');
    const resting = await measureRest(cluster, api);
    progress('and under load');
    const loaded = await measureLoad(cluster);
    const { nodeInfo } = (await cluster.get<Node>('node', cluster.nodeName)).status;
    const versions = `Kubernetes ${nodeInfo.kubeletVersion}, ${nodeInfo.containerRuntimeVersion.replace('://', ' ')}`;
    const sizes = images.map(({ reference, bytes }) => `${reference} ${(bytes / 1e6).toFixed(0)} MB`).join(', ');
    return {
      title: 'What Cairn costs a pod',
      notes: notesOf(starts, resting, { sizes, versions }),
      rows: rowsOf([...startRows(starts), ...loaded]),
    };
  } finally {
    api.close();
    await cluster.kubectl(['delete', 'namespace', 'bench-targets', ...VARIANTS.map(namespaceOf), '--wait=false']);
  }
}

async function prepare(cluster: Cluster): Promise<void> {
  await cluster.apply(surroundings());
  await cluster.apply([enrolment()]);
  await cluster.kubectl(['wait', 'pod/target', '-n', 'bench-targets', '--for=condition=Ready', '--timeout=50s']);
  for (const variant of VARIANTS) {
    const account = ['get', 'serviceaccount', 'default', '-n', namespaceOf(variant)];
    while ((await cluster.tryKubectl(account)).code !== 0) await delay(100);
  }
}

async function connect(cluster: Cluster): Promise<Api> {
  const binding = ['create', 'clusterrolebinding', 'bench', '--clusterrole=cluster-admin', '--serviceaccount=bench-targets:default'];
  await cluster.tryKubectl(binding);
  const token = await cluster.serviceAccountToken('bench-targets', 'default', { seconds: 7200 });
  return new Api({ url: cluster.url, ca: cluster.caCert, token });
}

function startRows({ plain, cairn }: Record<Variant, number[]>): Measured[] {
  const at = (values: readonly number[], share: number): number => quantile(values, share) ?? 0;
  return [
    { name: 'start of a pod without Cairn', rounds: [], latency: { p50: at(plain, 0.5), p99: at(plain, 0.99) } },
    {
      name: 'start of a pod, added',
      peer: 'start of a pod without Cairn',
      rounds: [],
      latency: { p50: at(cairn, 0.5) - at(plain, 0.5), p99: at(cairn, 0.99) - at(plain, 0.99) },
    },
  ];
}

function notesOf(
  { plain, cairn }: Record<Variant, number[]>,
  { agentPlain, agent, sidecar }: Record<Role, Resting>,
  { sizes, versions }: { sizes: string; versions: string },
): string[] {
  const ratio = (share: number): string => ((quantile(cairn, share) ?? 0) / (quantile(plain, share) ?? 1)).toFixed(2);
  const resting = ({ megabytes, millicores }: Resting): string => `${megabytes.toFixed(0)} MB and ${millicores.toFixed(1)} millicores`;
  return [
    `One node, ${versions}; ${plain.length} pods of each kind, one after the other and by turns, from the request that creates a pod to its agent's first line: ` +
      `with Cairn ${ratio(0.5)} times as long at the median and ${ratio(0.99)} times at p99.`,
    `At rest (${RESTING} pods, ${REST_SECONDS} s): a sidecar takes ${resting(sidecar)}, its agent ${resting(agent)}, the same agent without Cairn ${resting(agentPlain)}.`,
    `Under load ${LOAD_SECONDS} s a round, ${ROUNDS} rounds by turns, answers of 720 bytes, bodies recorded. CPU us is the sidecar's for a call; latency what it adds.`,
    `Images, layers unpacked: ${sizes}.`,
  ];
}
