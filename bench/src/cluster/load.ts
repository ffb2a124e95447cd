/** What a call through the sidecar costs, and what it adds to the call's latency. */
import type { Cluster } from '@cairn/e2e';
import { median, quantile, type Measured, type Round } from '../report/row.js';
import { LOAD, namespaceOf, TARGET, VARIANTS, type Variant } from './pods.js';
import { cpuOf, uidsOf, usageOf, type Usage } from './usage.js';

const LOAD_PER_SECOND = 200;
export const LOAD_SECONDS = 20;
export const ROUNDS = 3;
const PEER = `${LOAD_PER_SECOND} calls/s, pod without Cairn`;

interface Calls {
  rounds: Round[];
  latencies: number[];
  rss: number[];
}

/** One resting pod of each kind calls at a fixed rate, by turns. Rejects when a call fails. */
export async function measureLoad(cluster: Cluster): Promise<Measured[]> {
  const calls: Record<Variant, Calls> = { plain: { rounds: [], latencies: [], rss: [] }, cairn: { rounds: [], latencies: [], rss: [] } };
  for (let round = 0; round < ROUNDS; round++) {
    for (const variant of VARIANTS) await oneRound(cluster, variant, calls[variant]);
  }
  return rows(calls);
}

async function oneRound(cluster: Cluster, variant: Variant, calls: Calls): Promise<void> {
  const uids = await uidsOf(cluster, variant, 'rest-0');
  const sidecar = async (): Promise<Usage[]> => (await usageOf(cluster, uids)).filter(({ role }) => role === 'sidecar');
  const before = await sidecar();
  const { latencies, failed } = await call(cluster, variant);
  const after = await sidecar();
  if (failed > 0) throw new Error(`${failed} calls of ${namespaceOf(variant)}/rest-0 failed`);
  const cpuMicroseconds = variant === 'cairn' ? (cpuOf(after) - cpuOf(before)) / latencies.length : null;
  calls.rounds.push({ rate: latencies.length / LOAD_SECONDS, cpuMicroseconds });
  calls.latencies.push(...latencies);
  calls.rss.push(...after.map((each) => each.rssMegabytes));
}

async function call(cluster: Cluster, variant: Variant): Promise<{ latencies: number[]; failed: number }> {
  const command = ['node', '-e', LOAD, TARGET, String(LOAD_PER_SECOND), String(LOAD_SECONDS)];
  const printed = await cluster.kubectl(['exec', '-n', namespaceOf(variant), 'rest-0', '-c', 'agent', '--', ...command]);
  return JSON.parse(printed) as { latencies: number[]; failed: number };
}

function rows({ plain, cairn }: Record<Variant, Calls>): Measured[] {
  const direct = quantiles(plain.latencies);
  const through = quantiles(cairn.latencies);
  return [
    { name: PEER, rounds: plain.rounds, latency: direct },
    {
      name: `${LOAD_PER_SECOND} calls/s, its sidecar`,
      peer: PEER,
      rounds: cairn.rounds,
      latency: { p50: through.p50 - direct.p50, p99: through.p99 - direct.p99 },
      rssMegabytes: median(cairn.rss),
    },
  ];
}

const quantiles = (latencies: readonly number[]): { p50: number; p99: number } => ({
  p50: quantile(latencies, 0.5) ?? 0,
  p99: quantile(latencies, 0.99) ?? 0,
});
