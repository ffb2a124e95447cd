/** Whether a cluster is up, by its files and its first process. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { lock } from '../lock.js';
import { layoutOf, type Layout } from './layout.js';
import { LOCK_TIMEOUT_S } from './limits.js';
import { holdsNode, NodeNamespaces } from './node-namespaces.js';
import { planCluster, type ClusterPlan } from './plan.js';

/**
 * absent: nothing of it is there. broken: an `up` or its node was killed on the way; what it left is to be taken down
 * before another. up: it is usable.
 */
export type ClusterState =
  | { state: 'absent' }
  | { state: 'broken'; plan: ClusterPlan | undefined; node: NodeNamespaces | undefined }
  | { state: 'up'; plan: ClusterPlan; node: NodeNamespaces };

export async function stateOf(name: string): Promise<ClusterState> {
  const layout = layoutOf(name);
  const started = await readPlan(layout, 'starting');
  const pid = Number(await readFile(layout.pid, 'utf8').catch(() => ''));
  const node = pid && (await holdsNode(pid, layout)) ? new NodeNamespaces(layout, pid) : undefined;
  if (!started && !node) return { state: 'absent' };
  const ready = await readPlan(layout, 'ready');
  return ready && node ? { state: 'up', plan: ready, node } : { state: 'broken', plan: started, node };
}

/** Of the addresses' file: `starting` from the first thing made for the cluster, `ready` once it is usable. */
export type Progress = 'starting' | 'ready';

export async function writePlan(layout: Layout, plan: ClusterPlan, progress: Progress): Promise<void> {
  const draft = `${layout.addresses}.draft`;
  await writeFile(draft, JSON.stringify({ progress, ...plan }, undefined, 2));
  await rename(draft, layout.addresses);
}

async function readPlan(layout: Layout, wanted: Progress): Promise<ClusterPlan | undefined> {
  const text = await readFile(layout.addresses, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { progress, name, index } = JSON.parse(text) as { progress: Progress; name: string; index: number };
  return progress === 'ready' || wanted === 'starting' ? planCluster(name, layout.folder, index) : undefined;
}

/** One `up` or `down` of a cluster at a time. */
export async function alone<T>(name: string, act: () => Promise<T>): Promise<T> {
  const { folder, lock: file } = layoutOf(name);
  await mkdir(folder, { recursive: true });
  const release = await lock(file, LOCK_TIMEOUT_S);
  try {
    return await act();
  } finally {
    release();
  }
}
