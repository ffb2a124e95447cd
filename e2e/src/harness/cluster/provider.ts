/** Who makes the cluster on this machine. Pure. */

export interface Machine {
  platform: NodeJS.Platform;
  root: boolean;
  /** kind and a Docker engine that answers. */
  kind: boolean;
  /** A kubeconfig that somebody named: CLUSTER_KUBECONFIG. */
  kubeconfig: string | undefined;
}

/** given: a cluster that is there. node: the harness's own. kind: Kubernetes in a container. none: why nobody can. */
export type Provider = { by: 'given'; kubeconfig: string } | { by: 'node' } | { by: 'kind' } | { by: 'none'; problem: string };

export function providerFor({ platform, root, kind, kubeconfig }: Machine): Provider {
  if (kubeconfig) return { by: 'given', kubeconfig };
  if (platform === 'linux' && root) return { by: 'node' };
  if (kind) return { by: 'kind' };
  const problem =
    'a cluster needs root on Linux, or kind with a running Docker engine, or CLUSTER_KUBECONFIG=the kubeconfig of a cluster to use';
  return { by: 'none', problem };
}
