/** Where a cluster keeps its files: `.cairn/cluster/NAME` of the checkout. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHECKOUT = fileURLToPath(new URL('../../../../', import.meta.url));

export interface Layout {
  readonly folder: string;
  /** The logs of this run or the last. */
  readonly logs: string;
  /** Everything that ends with the cluster: keys, settings, the node's disk. */
  readonly node: string;
  /** Notes of the images that the node has. */
  readonly images: string;
  readonly kubeconfig: string;
  /** What installing Cairn keeps: the auditor's key pair, Helm's caches. */
  readonly installed: string;
  /** The plan, written once the cluster is ready: while it is missing the cluster is not up. */
  readonly addresses: string;
  /** The process that holds the node's namespaces. */
  readonly pid: string;
  readonly auditLog: string;
  readonly dropLog: string;
  /** Names for pods to resolve besides the cluster's, as in /etc/hosts. */
  readonly hosts: string;
  readonly lock: string;
}

export function layoutOf(name: string): Layout {
  const clusters = resolve(CHECKOUT, '.cairn', 'cluster');
  const folder = join(clusters, name);
  return {
    folder,
    logs: join(folder, 'logs'),
    node: join(folder, 'node'),
    images: join(folder, 'node', 'images'),
    kubeconfig: join(folder, 'kubeconfig'),
    installed: join(folder, 'installed'),
    addresses: join(folder, 'addresses.json'),
    pid: join(folder, 'pid'),
    auditLog: join(folder, 'logs', 'audit.log'),
    dropLog: join(folder, 'logs', 'drops.log'),
    hosts: join(folder, 'hosts'),
    lock: join(clusters, `${name}.lock`),
  };
}
