/** What a cluster's index decides: every address and name that two clusters on a machine must not share. Pure. */
import { createHash } from 'node:crypto';
import { NAME } from './limits.js';

/** The name of an interface has at most 15 characters (IFNAMSIZ). */
const ID_DIGITS = 9;

/** A network of both families, in CIDR notation. */
interface DualStack {
  readonly v4: string;
  readonly v6: string;
}

export interface ClusterPlan {
  readonly name: string;
  readonly index: number;
  readonly nodeName: string;
  /** The machine's end of the veth pair: by this pods reach processes of the machine. */
  readonly hostAddress: string;
  readonly hostAddress6: string;
  /** The node's end. */
  readonly nodeAddress: string;
  readonly nodeAddress6: string;
  readonly pods: DualStack;
  readonly services: DualStack;
  /** The first address of the service range, the Service `kubernetes`. */
  readonly apiService: DualStack;
  readonly dnsService: DualStack;
  /** The interface on the machine: who has it has the index. */
  readonly interface: string;
  /** The node's end until it is in the node: it names the cluster, and so whose a pair is that a killed `up` left. */
  readonly peer: string;
  /** The interface in the node. */
  readonly uplink: string;
  /** The cgroup below which the kubelet keeps the pods, in every hierarchy. */
  readonly cgroup: string;
  /** The API server. */
  readonly url: string;
}

/**
 * Private ranges (RFC 1918, RFC 4193) with the index in them. `folder`: where the cluster keeps its files, which tells it from
 * those of the same name of other checkouts. Throws for a name that is none.
 */
export function planCluster(name: string, folder: string, index: number): ClusterPlan {
  if (!NAME.test(name)) throw new Error(`${name} is no name for a cluster: letters, digits and dashes, at most 31, a letter first`);
  const id = createHash('sha256').update(folder).digest('hex').slice(0, ID_DIGITS);
  const link = `10.199.${index}`;
  const link6 = `fdca:199:${index}:`;
  const services6 = `fdca:202:${index}:`;
  return {
    name,
    index,
    nodeName: `${name}-node`,
    hostAddress: `${link}.1`,
    hostAddress6: `${link6}:1`,
    nodeAddress: `${link}.2`,
    nodeAddress6: `${link6}:2`,
    pods: { v4: `10.201.${index}.0/24`, v6: `fdca:201:${index}::/64` },
    services: { v4: `10.202.${index}.0/24`, v6: `${services6}:/112` },
    apiService: { v4: `10.202.${index}.1`, v6: `${services6}:1` },
    dnsService: { v4: `10.202.${index}.10`, v6: `${services6}:a` },
    interface: `cairn${index}`,
    peer: `cairn-${id}`,
    uplink: 'uplink0',
    cgroup: `cairn-${id}`,
    url: `https://${link}.2:6443`,
  };
}
