/** Images for the node's containerd. */
import type { NodeNamespaces } from './node-namespaces.js';

export async function importArchive(node: NodeNamespaces, archive: string): Promise<void> {
  // k8s.io is the namespace of containerd in which the kubelet looks.
  await node.exec(['ctr', '--namespace', 'k8s.io', 'images', 'import', '--no-unpack=false', archive]);
}
