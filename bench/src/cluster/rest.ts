/** What agents and sidecars take that do nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '@cairn/e2e';
import type { Api } from '../operator/api.js';
import { median } from '../report/row.js';
import { VARIANTS, type Variant } from './pods.js';
import { startOne } from './start.js';
import { cpuOf, uidsOf, usageOf, type Usage } from './usage.js';

/** Pods of each kind that rest while they are looked at. */
export const RESTING = 5;
const SETTLE_SECONDS = 15;
export const REST_SECONDS = 20;

export interface Resting {
  /** Median resident set of a process. */
  megabytes: number;
  /** Of one core, in thousandths, on average. */
  millicores: number;
}
export type Role = 'agentPlain' | 'agent' | 'sidecar';

/** Starts pods of each kind and looks at them once they have settled; they stay. */
export async function measureRest(cluster: Cluster, api: Api): Promise<Record<Role, Resting>> {
  for (let index = 0; index < RESTING; index++) {
    for (const variant of VARIANTS) await startOne(cluster, api, variant, `rest-${index}`);
  }
  await delay(SETTLE_SECONDS * 1000);
  const uids: Record<Variant, string[]> = { plain: await uidsOf(cluster, 'plain', 'rest'), cairn: await uidsOf(cluster, 'cairn', 'rest') };
  const all = [...uids.plain, ...uids.cairn];
  const before = await usageOf(cluster, all);
  await delay(REST_SECONDS * 1000);
  const after = await usageOf(cluster, all);
  const of = (variant: Variant, role: Usage['role']): Resting => {
    const mine = (each: Usage): boolean => each.role === role && uids[variant].includes(each.pod);
    const found = after.filter(mine);
    const microseconds = cpuOf(found) - cpuOf(before.filter(mine));
    return {
      megabytes: median(found.map((each) => each.rssMegabytes)) ?? 0,
      millicores: microseconds / (REST_SECONDS * 1000) / found.length,
    };
  };
  return { agentPlain: of('plain', 'agent'), agent: of('cairn', 'agent'), sidecar: of('cairn', 'sidecar') };
}
