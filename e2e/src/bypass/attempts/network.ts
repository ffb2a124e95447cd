/** Going straight to an address: every kind of packet, IPv4 and IPv6. */
import type { Address, Attempt, Layer, Places, Probe, Server } from '../attempt.js';

type At = (places: Places) => Address;

const get = (marker: string): string => `GET /${marker} HTTP/1.1\r\nHost: outside\r\nConnection: close\r\n\r\n`;

/** The same attempt by IPv4 and by IPv6. */
function both(id: string, title: string, server: Server, at: At, probe: (host: string, marker: string) => Probe, layer: Layer): Attempt[] {
  return (['v4', 'v6'] as const).map((version) => ({
    id: `${id}-${version}`,
    title: `${title}, IP${version}`,
    family: 'network',
    layer,
    probe: (places, marker) => probe(at(places)[version], marker),
    reached: { kind: 'server', server },
  }));
}

const tcp =
  (port: number, device?: string) =>
  (host: string, marker: string): Probe => ({ kind: 'tcp', host, port, payload: get(marker), ...(device ? { device } : {}) });
const udp =
  (port: number, device?: string) =>
  (host: string, marker: string): Probe => ({ kind: 'udp', host, port, payload: marker, ...(device ? { device } : {}) });

const reachesApi = /"gitVersion"/;
const version = (host: string, port: number, seconds: number): Probe => {
  const authority = host.includes(':') ? `[${host}]` : host;
  return {
    kind: 'command',
    argv: ['curl', '-sS', '-k', '--noproxy', '*', '--max-time', `${seconds}`, `https://${authority}:${port}/version`],
  };
};

function icmp(raw: boolean): Attempt[] {
  const id = raw ? 'raw' : 'ping';
  return (['v4', 'v6'] as const).map((each) => ({
    id: `${id}-${each}`,
    title: `${raw ? 'a raw socket that sends ICMP' : 'ICMP by a ping socket'}, IP${each}`,
    family: 'network',
    layer: raw ? 'L0 kernel' : 'L1 capture',
    probe: ({ upstream }) => ({ kind: 'icmp', host: upstream[each], raw }),
    reached: { kind: 'output', pattern: /ICMP-ANSWERED/ },
  }));
}

export const network: readonly Attempt[] = [
  ...both('declared-address', "TCP to a declared target's own address", 'declared', (p) => p.declared, tcp(8080), 'L1 sidecar'),
  ...both('pod', 'TCP to another pod', 'upstream', (p) => p.upstream, tcp(8080), 'L1 sidecar'),
  ...both('service', 'TCP to the address of a Service', 'upstream', (p) => p.upstreamService, tcp(80), 'L1 sidecar'),
  ...both('node', 'TCP to the node', 'node', (p) => p.node, tcp(80), 'L1 sidecar'),
  ...both('metadata', "TCP to the cloud's metadata address", 'node', (p) => p.metadata, tcp(80), 'L1 sidecar'),
  ...both('udp', 'UDP to another pod', 'upstream', (p) => p.upstream, udp(9999), 'L1 capture'),
  ...both('quic', 'UDP port 443, as QUIC uses it', 'upstream', (p) => p.upstream, udp(443), 'L1 capture'),
  ...both('device-udp', 'UDP from a socket bound to the device', 'upstream', (p) => p.upstream, udp(9999, 'eth0'), 'L1 capture'),
  ...both('device-tcp', 'TCP from a socket bound to the device', 'upstream', (p) => p.upstream, tcp(8080, 'eth0'), 'L1 capture'),
  ...icmp(false),
  ...icmp(true),
  {
    id: 'packet-socket',
    title: 'a frame from a packet socket, past nftables',
    family: 'network',
    layer: 'L0 kernel',
    probe: () => ({ kind: 'packet' }),
    reached: { kind: 'output', pattern: /PACKET-SENT/ },
  },
  {
    id: 'api-service-v4',
    title: "the API server by its Service's address, IPv4",
    family: 'network',
    layer: 'L1 sidecar',
    probe: ({ apiService, seconds }) => version(apiService.v4, 443, seconds),
    reached: { kind: 'output', pattern: reachesApi },
  },
  {
    id: 'api-node-v4',
    title: "the API server by its machine's address, IPv4",
    family: 'network',
    layer: 'L1 sidecar',
    probe: ({ apiNode, seconds }) => version(apiNode.host, apiNode.port, seconds),
    reached: { kind: 'output', pattern: reachesApi },
  },
  {
    id: 'api-node-v6',
    title: "the API server by its machine's address, IPv6",
    family: 'network',
    layer: 'L1 sidecar',
    probe: ({ apiNode, node, seconds }) => version(node.v6, apiNode.port, seconds),
    reached: { kind: 'output', pattern: reachesApi },
  },
];
