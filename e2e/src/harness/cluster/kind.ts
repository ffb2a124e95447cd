/** A cluster by kind (https://kind.sigs.k8s.io), where there is a Docker engine and no root. */
import { mkdir } from 'node:fs/promises';
import { layoutOf } from './layout.js';
import { run } from './run.js';

/** kind's own network enforces no NetworkPolicy in all its versions: without it nobody takes a policy that does nothing for one that holds. */
const CONFIG = { kind: 'Cluster', apiVersion: 'kind.x-k8s.io/v1alpha4', networking: { disableDefaultCNI: true, ipFamily: 'dual' } };

export const NETWORK_ADVICE =
  'its node is Ready once a network plugin is installed that enforces NetworkPolicy, Cilium (cilium install) or Calico; ' +
  'load images with kind load image-archive';

/** Whether kind and a Docker engine are there. */
export async function kindWorks(): Promise<boolean> {
  try {
    await run('kind', ['version']);
    await run('docker', ['info']);
    return true;
  } catch {
    return false;
  }
}

/** Resolves to the kubeconfig, and whether the cluster was not there before. */
export async function kindUp(name: string): Promise<{ kubeconfig: string; started: boolean }> {
  const { folder, kubeconfig } = layoutOf(name);
  await mkdir(folder, { recursive: true });
  const started = !(await kindClusters()).includes(name);
  if (started)
    await run('kind', ['create', 'cluster', '--name', name, '--kubeconfig', kubeconfig, '--config', '-'], JSON.stringify(CONFIG));
  else await run('kind', ['export', 'kubeconfig', '--name', name, '--kubeconfig', kubeconfig]);
  return { kubeconfig, started };
}

/** Whether there was one. */
export async function kindDown(name: string): Promise<boolean> {
  const was = (await kindClusters()).includes(name);
  if (was) await run('kind', ['delete', 'cluster', '--name', name, '--kubeconfig', layoutOf(name).kubeconfig]);
  return was;
}

async function kindClusters(): Promise<string[]> {
  return (await run('kind', ['get', 'clusters'])).split('\n').map((line) => line.trim());
}
