/** How long a pod takes from the request that creates it until its agent's first line, with and without Cairn by turns. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '@cairn/e2e';
import type { Api } from '../operator/api.js';
import { agentPod, namespaceOf, VARIANTS, type Variant } from './pods.js';

const POLL_MS = 100;
/** A pod that does not start within this time fails the run. */
const START_TIMEOUT_MS = 120_000;

/** Milliseconds of each pod. */
export async function measureStarts(cluster: Cluster, api: Api, pods: number): Promise<Record<Variant, number[]>> {
  const starts: Record<Variant, number[]> = { plain: [], cairn: [] };
  for (let index = 0; index < pods; index++) {
    for (const variant of VARIANTS) {
      const name = `start-${index}`;
      starts[variant].push(await startOne(cluster, api, variant, name));
      await cluster.kubectl(['delete', 'pod', name, '-n', namespaceOf(variant), '--wait=false']);
    }
  }
  return starts;
}

/** Creates an agent's pod and resolves, once the agent has spoken, to how long that took by the machine's one clock. */
export async function startOne(cluster: Cluster, api: Api, variant: Variant, name: string): Promise<number> {
  const begun = Date.now();
  await api.create(`/api/v1/namespaces/${namespaceOf(variant)}/pods`, agentPod(variant, name));
  for (;;) {
    const { code, stdout, stderr } = await cluster.tryKubectl(['logs', name, '-n', namespaceOf(variant), '-c', 'agent']);
    if (code === 0 && stdout.trim() !== '') return Number(stdout.trim()) - begun;
    if (Date.now() - begun > START_TIMEOUT_MS) throw new Error(`pod ${namespaceOf(variant)}/${name} did not start: ${stderr}`);
    await delay(POLL_MS);
  }
}
