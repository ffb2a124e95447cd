/** The cgroups below which a kubelet keeps its pods: made before it starts, since it makes none above them, removed after it. */
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GONE_TIMEOUT_MS } from './limits.js';
import type { ClusterPlan } from './plan.js';
import { until } from './run.js';

/** As 32 processes, in the units of version 1 (default 1024) and 2 (default 100), by the kernel's cgroup documentation. */
const CPU_WEIGHTS = { 'cpu.shares': 32_768, 'cpu.weight': 3200 };
const ROOT = '/sys/fs/cgroup';

export async function makeCgroups(plan: ClusterPlan): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const folder = join(hierarchy, plan.cgroup);
    await mkdir(folder, { recursive: true });
    if (hierarchy.endsWith('cpuset')) await inheritCpus(hierarchy, folder);
    await weigh(folder);
  }
}

/**
 * Beside the processes of the machine a cgroup counts as one process, whatever is in it: on a busy machine all pods together would
 * get less than one compiler, and fail their probes.
 */
async function weigh(folder: string): Promise<void> {
  const files = await readdir(folder);
  for (const [file, weight] of Object.entries(CPU_WEIGHTS)) if (files.includes(file)) await writeFile(join(folder, file), String(weight));
}

/** A new cpuset (version 1) is empty, and nothing may be put into an empty one. */
async function inheritCpus(parent: string, folder: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    await writeFile(join(folder, file), await readFile(join(parent, file), 'utf8'));
  }
}

/** Once their processes have ended. */
export async function removeCgroups(plan: ClusterPlan): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const folder = join(hierarchy, plan.cgroup);
    await until(
      () => removeTree(folder),
      GONE_TIMEOUT_MS,
      async () => `the cgroup ${folder} stays: its cgroup.procs names what is in it`,
    );
  }
}

/** A cgroup's files go with it; only its child cgroups are removed one by one (cgroups(7)). */
async function removeTree(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!entries) return true;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  await rmdir(folder);
  return true;
}

/** Of version 1 one for each controller, of version 2 the one there is. */
async function hierarchies(): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  return mounts.filter(([, at, type]) => at?.startsWith(ROOT) && (type === 'cgroup' || type === 'cgroup2')).map(([, at]) => at!);
}
