/** Where a declared host lies, as a NetworkPolicy can say it. Pure over what the caller knows of the cluster. */
import { isIP } from 'node:net';
import type { Service } from '../../kubernetes/index.js';
import { blockOf, type IpBlock } from './addresses.js';
import { PEERS_COUNT } from './limits.js';

export interface Cluster {
  service(namespace: string, name: string): Service | undefined;
  serviceAt(clusterIP: string): Service | undefined;
  /** Addresses and port behind a Service without selector, from its EndpointSlices. */
  endpoints(service: Service, port: number): { addresses: readonly string[]; port: number } | undefined;
}

/** Numbers and names as NetworkPolicyPort takes them. */
export type Port = number | string;

export type Destination =
  | { kind: 'pods'; namespace: string; labels: Record<string, string>; port: Port }
  | { kind: 'addresses'; blocks: readonly IpBlock[]; port: Port }
  /** Outside the cluster, or so it seems: names cannot be fenced. */
  | { kind: 'public'; port: number }
  | { kind: 'closed'; reason: 'NoSuchPort' | 'NoEndpoints' | 'TooManyEndpoints' | 'UnknownService'; message: string };

const DOMAIN = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.[a-z0-9.-]+)?$/;
const SHORT = /^([a-z0-9-]+)\.([a-z0-9-]+)$/;

/** The Service that a host may name, seen from a namespace. `sure`: it can be nothing else. */
function named(host: string, namespace: string): { namespace: string; name: string; sure: boolean } | undefined {
  const full = DOMAIN.exec(host);
  if (full) return { name: full[1]!, namespace: full[2]!, sure: true };
  if (!host.includes('.')) return { name: host, namespace, sure: true };
  const short = SHORT.exec(host);
  return short ? { name: short[1]!, namespace: short[2]!, sure: false } : undefined;
}

function ofService(service: Service, port: number, cluster: Cluster): Destination {
  const { name, namespace } = service.metadata;
  const { selector, ports = [], clusterIP, type, externalName } = service.spec ?? {};
  if (type === 'ExternalName') return destinationOf(externalName ?? '', port, namespace!, cluster, false);
  const offered = ports.find((each) => each.port === port);
  // A headless Service translates nothing: what agents dial is the pods' own port.
  const headless = clusterIP === 'None';
  if (!offered && !headless) {
    const known = ports.map((each) => each.port).join(', ');
    return { kind: 'closed', reason: 'NoSuchPort', message: `Service ${namespace}/${name} has no port ${port}, it has ${known}` };
  }
  if (selector && Object.keys(selector).length > 0) {
    return { kind: 'pods', namespace: namespace!, labels: selector, port: headless ? port : (offered?.targetPort ?? port) };
  }
  const behind = cluster.endpoints(service, port);
  if (!behind || behind.addresses.length === 0) {
    return { kind: 'closed', reason: 'NoEndpoints', message: `Service ${namespace}/${name} has no endpoints` };
  }
  if (behind.addresses.length > PEERS_COUNT) {
    return { kind: 'closed', reason: 'TooManyEndpoints', message: `Service ${namespace}/${name} has more than ${PEERS_COUNT} endpoints` };
  }
  return { kind: 'addresses', blocks: behind.addresses.map(blockOf), port: behind.port };
}

/**
 * `host` and `port` as a target declares them, `namespace` that of the agents. A ClusterIP is followed to its Service: engines
 * match after translation, so the address itself would match nothing.
 */
export function destinationOf(host: string, port: number, namespace: string, cluster: Cluster, follow = true): Destination {
  const address = host.startsWith('[') ? host.slice(1, -1) : host;
  if (isIP(address) !== 0) {
    const service = cluster.serviceAt(address);
    return service ? ofService(service, port, cluster) : { kind: 'addresses', blocks: [blockOf(address)], port };
  }
  const name = host.toLowerCase().replace(/\.$/, '');
  const reference = named(name, namespace);
  const service = reference && cluster.service(reference.namespace, reference.name);
  // One step from an ExternalName to what it names: a chain of them could be a circle.
  if (service && (follow || service.spec?.type !== 'ExternalName')) return ofService(service, port, cluster);
  if (reference?.sure)
    return { kind: 'closed', reason: 'UnknownService', message: `there is no Service ${reference.namespace}/${reference.name}` };
  return { kind: 'public', port };
}
