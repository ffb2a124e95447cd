/** What the installation decides about injection. Charts and the demo fill it in; annotations override a few of them per pod. */
import type { Capture, LogLevel } from './annotations.js';

export interface SidecarPorts {
  /** Transparent capture of outbound connections. */
  outbound: number;
  /** Explicit HTTP proxy. */
  proxy: number;
  inbound: number;
  dns: number;
  admin: number;
  /** First port of the explicit listeners for targets that do not speak HTTP. */
  targets: number;
}

export interface InjectSettings {
  /** Image of sidecar and capture container. */
  image: string;
  operatorUrl: string;
  /** ConfigMap with the CA of operatorUrl; absent: public CAs. */
  operatorCa?: { configMap: string; key: string };
  capture: Capture;
  /** UID of sidecars where none is drawn for the pod: offline, and in pods with a user namespace of their own. */
  sidecarUid: number;
  ports: SidecarPorts;
  resources: { cpu: string; memory: string };
  logLevel: LogLevel;
  /** Further environment of the sidecar: CAIRN_KAFKA_*, CAIRN_RESOLVE_FILE. */
  env: Record<string, string>;
}

export const DEFAULT_PORTS: SidecarPorts = { outbound: 15001, proxy: 15002, inbound: 15006, dns: 15053, admin: 15020, targets: 15101 };

export const DEFAULT_SETTINGS: InjectSettings = {
  image: 'cairn/sidecar:0.1.0',
  operatorUrl: 'https://cairn-operator.cairn-system.svc:8443',
  capture: 'transparent',
  sidecarUid: 61020,
  ports: DEFAULT_PORTS,
  resources: { cpu: '50m', memory: '256Mi' },
  logLevel: 'info',
  env: {},
};
