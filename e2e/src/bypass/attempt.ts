/** An attempt to get around a sidecar, as data: what is tried, how success is recognised, and which layer is expected to stop it. */

export const FAMILIES = ['network', 'names', 'process', 'credentials', 'kubernetes', 'tunnels', 'starvation', 'lifecycle'] as const;
export type Family = (typeof FAMILIES)[number];

/** Namespaces in which everything is tried: with every layer, with one switched off, with none. */
export const VARIANTS = ['full', 'no-l1', 'no-l2', 'l1-only', 'control'] as const;
export type Variant = (typeof VARIANTS)[number];

/** Layers of docs/threat-model.md, the sidecar's own refusal, and the kernel by way of what L0 leaves a container. */
export type Layer = 'L0 admission' | 'L0 kernel' | 'L1 capture' | 'L1 sidecar' | 'L2 network policy';

/** Servers of the suite, each of which remembers who reached it. */
export type Server = 'declared' | 'upstream' | 'node';

/** Where things are in the cluster that is tried. Addresses without brackets. */
export interface Places {
  /** Begins the bytes by which a server recognises an attempt; differs by variant. */
  marker: string;
  namespace: string;
  elsewhere: string;
  pod: string;
  /** Of a target that the policy declares: pod, Service, and the address that the cluster's DNS gives. */
  declared: Address;
  declaredHost: string;
  secureHost: string;
  rebindHost: string;
  /** Of a server that no policy declares. */
  upstream: Address;
  upstreamService: Address;
  upstreamHost: string;
  node: Address;
  metadata: Address;
  apiService: Address;
  apiNode: { host: string; port: number };
  dns: Address;
  /** UID of the sidecar in this pod, or of what stands for it. */
  sidecarUid: number;
  /** What the target's credential says. */
  credential: string;
  /** A token of a service account that is not the agent's. */
  otherToken: string;
  /** How long an attempt waits for what does not come. */
  seconds: number;
}

export interface Address {
  v4: string;
  v6: string;
}

/** What probe.py does inside the container. */
export type Probe =
  | { kind: 'tcp'; host: string; port: number; payload: string; device?: string; uid?: number }
  | { kind: 'udp'; host: string; port: number; payload: string; device?: string }
  | { kind: 'icmp'; host: string; raw: boolean }
  | { kind: 'packet' }
  | { kind: 'dns'; server: string; port: number; name: string; tcp: boolean }
  | { kind: 'command'; argv: readonly string[]; input?: string };

/** Success is judged where it arrives: by the server that was reached, or by what only success can print. */
export type Reached = { kind: 'server'; server: Server; saying?: RegExp } | { kind: 'output'; pattern: RegExp };

export interface Attempt {
  /** Lower case with dashes; part of the marker. */
  id: string;
  title: string;
  family: Family;
  layer: Layer;
  /** The container it is tried from: root's, unless an ordinary user's. */
  container?: 'user';
  /** Where it is tried; everywhere unless it says so. */
  variants?: readonly Variant[];
  probe: (places: Places, marker: string) => Probe;
  reached: Reached;
}

export const isTried = ({ variants }: Attempt, variant: Variant): boolean => variants?.includes(variant) ?? true;

/** Bytes by which servers recognise an attempt. */
export const markerOf = (places: Pick<Places, 'marker'>, id: string): string => `${places.marker}-${id}`;
