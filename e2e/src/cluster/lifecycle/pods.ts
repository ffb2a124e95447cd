/** Pods of the suite: which there are, whether they run, and how they end. */
import type { Cluster } from '../../harness/cluster/index.js';
import { until } from '../main-job/until.js';
import { POD_MS, STARVED_MS } from './limits.js';
import { NAMESPACE } from './manifests.js';

interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  containerID?: string;
  lastState: { terminated?: { reason: string } };
}

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  status: { phase: string; containerStatuses?: ContainerStatus[]; initContainerStatuses?: ContainerStatus[] };
}

/** Resolves to the pods of a workload, once `replicas` of them run that are not among `former` and not on their way out. */
export function running(cluster: Cluster, app: string, replicas: number, former: readonly string[] = []): Promise<string[]> {
  return until(`${replicas} pods of ${app}`, POD_MS, async () => {
    const { items } = await cluster.get<{ items: Pod[] }>('pods', '-n', NAMESPACE, '-l', `app=${app}`);
    const names = items
      .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === 'Running')
      .map(({ metadata }) => metadata.name)
      .filter((name) => !former.includes(name));
    if (names.length === replicas) return names;
    throw new Error(items.map(({ metadata, status }) => `${metadata.name} is ${status.phase}`).join(', '));
  });
}

/** Resolves once the pod's object is gone. */
export async function gone(cluster: Cluster, pod: string): Promise<void> {
  await until(`the end of ${pod}`, POD_MS, async () => {
    return (await cluster.kubectl(['get', 'pod', pod, '-n', NAMESPACE, '--ignore-not-found', '-o', 'name'])) === '';
  });
}

export async function container(cluster: Cluster, pod: string, name: string): Promise<ContainerStatus> {
  const { status } = await cluster.get<Pod>('pod', pod, '-n', NAMESPACE);
  const found = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find((each) => each.name === name);
  if (!found) throw new Error(`${pod} has no container ${name}`);
  return found;
}

/** Resolves once a container was killed for its memory and runs again. */
export async function outOfMemory(cluster: Cluster, pod: string, name: string): Promise<void> {
  await until(`${name} of ${pod} OOMKilled and back`, POD_MS, async () => {
    const { lastState, ready, restartCount } = await container(cluster, pod, name);
    if (restartCount > 0 && ready && lastState.terminated?.reason === 'OOMKilled') return true;
    throw new Error(`${restartCount} restarts, ready ${ready}, ${JSON.stringify(lastState)}`);
  });
}

/**
 * Takes from a running container, in its own cgroup on the node, the memory that it has not used, again and again until it is gone: what it
 * grows by is more than the kernel grants. The limit of its pod stays what it is, and is the next start's. Version 1 takes no limit below what
 * it cannot reclaim.
 */
export async function starve(cluster: Cluster, pod: string, name: string): Promise<void> {
  const id = await containerId(cluster, pod, name);
  const script = `for folder in $(find /sys/fs/cgroup -type d -name ${id}); do
    if [ -e $folder/memory.limit_in_bytes ]; then
      limit=$(sed -n 's/^total_rss //p' $folder/memory.stat)
      until echo $limit > $folder/memory.limit_in_bytes || [ ! -e $folder ]; do limit=$((limit + 1048576)); done
    elif [ -e $folder/memory.max ]; then echo 1048576 > $folder/memory.max; fi; echo found; done 2> /dev/null`;
  let found = false;
  await until(`the end of ${name} of ${pod}`, STARVED_MS, async () => {
    const is = (await cluster.nodeExec(['sh', '-c', script])).includes('found');
    if (!is && !found) throw new Error(`no cgroup of container ${id} was found on the node`);
    found = true;
    return !is;
  });
}

/** Deletes a pod without waiting for its end anywhere; resolves once its containers are gone from the node. */
export async function deleteByForce(cluster: Cluster, pod: string): Promise<void> {
  const id = await containerId(cluster, pod, 'cairn-sidecar');
  await cluster.kubectl(['delete', 'pod', pod, '-n', NAMESPACE, '--grace-period=0', '--force']);
  await until(`the end of the processes of ${pod}`, POD_MS, async () => {
    return (await cluster.nodeExec(['find', '/sys/fs/cgroup', '-type', 'd', '-name', id])) === '';
  });
}

async function containerId(cluster: Cluster, pod: string, name: string): Promise<string> {
  return (await container(cluster, pod, name)).containerID!.replace('containerd://', '');
}

interface Outcome {
  path: string;
  status: number;
  times: number;
}

/** Resolves to what came of an order with this path, once the agent of a pod has obeyed it. */
export function outcome(cluster: Cluster, pod: string, path: string): Promise<Outcome> {
  return until(`an answer to ${path} of ${pod}`, POD_MS, async () => {
    const said = await cluster.kubectl(['logs', pod, '-n', NAMESPACE, '-c', 'agent']);
    const lines = said.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Outcome).find((each) => each.path === path);
  });
}
