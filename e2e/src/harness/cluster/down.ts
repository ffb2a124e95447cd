/** Ends a cluster and removes everything that it made but its logs. */
import { rm } from 'node:fs/promises';
import { removeCgroups } from './cgroups.js';
import { layoutOf } from './layout.js';
import { disconnect } from './network.js';
import { alone, stateOf, type ClusterState } from './state.js';

/** Whether there was something to take down. What a killed `up` left is taken down as well. */
export async function takeDown(name: string): Promise<boolean> {
  return alone(name, async () => {
    const state = await stateOf(name);
    if (state.state !== 'absent') await removeCluster(name, state);
    return state.state !== 'absent';
  });
}

/** In reverse order of its making. The caller holds the cluster's lock. */
export async function removeCluster(name: string, state: Exclude<ClusterState, { state: 'absent' }>): Promise<void> {
  const { node, addresses, pid, kubeconfig, hosts, installed } = { ...layoutOf(name) };
  await state.node?.kill();
  if (state.plan) {
    await disconnect(state.plan);
    await removeCgroups(state.plan);
  }
  // The addresses last: while they are there, another try knows what to remove.
  for (const file of [node, kubeconfig, hosts, installed, pid, addresses]) await rm(file, { recursive: true, force: true, maxRetries: 3 });
}
