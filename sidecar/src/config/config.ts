/** The sidecar's configuration: read from the environment once, at start. */
import { readFileSync } from 'node:fs';
import { type AuditEvent, DEFAULT_SPOOL_LIMITS, type SpoolLimits } from '@cairn/audit';
import { ConfigError, integer, listenAddress, namedAddresses, oneOf, optional, parseAddress, ports, text } from './env.js';
import type { Environment, ListenAddress } from './env.js';
import { HOLD_SECONDS, MAX_HOLD_SECONDS } from '../guard/limits.js';
import { kafkaConnection } from './kafka.js';
import type { KafkaConnection } from '../ship/connection.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where evidence is kept and goes. */
export interface EvidenceConfig {
  spoolFolder: string;
  kafka: KafkaConnection | undefined;
  spoolLimits: SpoolLimits;
}

/** What a sidecar and a gateway both are told. */
export interface CommonConfig extends EvidenceConfig {
  operator: { url: string; caFile: string | undefined };
  workloadTokenFile: string;
  credentialsFolder: string;
  /** Holds this pod's own token of its service account and the API server's CA; undefined where none is mounted. */
  serviceAccountFolder: string | undefined;
  admin: ListenAddress;
  logLevel: LogLevel;
  /** `host:port` -> where it really is; overrides name resolution. */
  resolve: ReadonlyMap<string, ListenAddress>;
  /** How long a request waits for its approval before the agent is told to come again. */
  holdSeconds: number;
}

export interface SidecarConfig extends CommonConfig {
  agent: AuditEvent['agent'];
  grant: string | undefined;
  agentFolder: string;
  capture: 'transparent' | 'explicit';
  outbound: ListenAddress;
  proxy: ListenAddress;
  targets: ReadonlyMap<string, ListenAddress>;
  inbound: ListenAddress;
  inboundPorts: readonly number[];
  dns: ListenAddress;
}

export interface GatewayConfig extends CommonConfig {
  /** Whose stream it is, as events name it. */
  agent: AuditEvent['agent'];
  listen: ListenAddress;
}

const MEBIBYTE = 1024 * 1024;
/** Segments that a quota has room for at least. */
const SEGMENTS = 8;

/** Throws ConfigError. */
export function sidecarConfig(env: Environment): SidecarConfig {
  return {
    agent: podOf(env, text(env, 'CAIRN_AGENT')),
    ...commonConfig(env),
    grant: optional(env, 'CAIRN_GRANT'),
    agentFolder: text(env, 'CAIRN_AGENT_DIR'),
    capture: oneOf(env, 'CAIRN_CAPTURE', ['transparent', 'explicit'], 'transparent'),
    outbound: listenAddress(env, 'CAIRN_OUTBOUND_LISTEN', '[::]:15001'),
    proxy: listenAddress(env, 'CAIRN_PROXY_LISTEN', '127.0.0.1:15002'),
    targets: namedAddresses(env, 'CAIRN_TARGET_LISTEN'),
    inbound: listenAddress(env, 'CAIRN_INBOUND_LISTEN', '[::]:15006'),
    inboundPorts: ports(env, 'CAIRN_INBOUND_PORTS'),
    dns: listenAddress(env, 'CAIRN_DNS_LISTEN', '127.0.0.1:15053'),
  };
}

/** Throws ConfigError. */
export function gatewayConfig(env: Environment): GatewayConfig {
  return { agent: podOf(env, GATEWAY_NAME), ...commonConfig(env), listen: listenAddress(env, 'CAIRN_GATEWAY_LISTEN', '[::]:8444') };
}

/** How events name a gateway as the writer of its stream; its service account has the same name. */
const GATEWAY_NAME = 'cairn-gateway';

function podOf(env: Environment, name: string): AuditEvent['agent'] {
  return {
    name,
    namespace: text(env, 'CAIRN_NAMESPACE'),
    pod: text(env, 'CAIRN_POD_NAME'),
    uid: text(env, 'CAIRN_POD_UID'),
    node: text(env, 'CAIRN_NODE'),
  };
}

function commonConfig(env: Environment): CommonConfig {
  const size = (name: string, fallback: number): number => integer(env, name, fallback, { min: 1, max: 1024 * 1024 }) * MEBIBYTE;
  return {
    operator: { url: operatorUrl(env), caFile: optional(env, 'CAIRN_OPERATOR_CA') },
    workloadTokenFile: text(env, 'CAIRN_WORKLOAD_TOKEN_FILE'),
    credentialsFolder: text(env, 'CAIRN_CREDENTIALS_DIR'),
    serviceAccountFolder: optional(env, 'CAIRN_SERVICE_ACCOUNT_DIR'),
    spoolFolder: text(env, 'CAIRN_SPOOL_DIR'),
    admin: listenAddress(env, 'CAIRN_ADMIN_LISTEN', '127.0.0.1:15020'),
    logLevel: oneOf(env, 'CAIRN_LOG_LEVEL', LOG_LEVELS, 'info'),
    resolve: resolveFile(optional(env, 'CAIRN_RESOLVE_FILE')),
    kafka: kafkaConnection(env),
    holdSeconds: integer(env, 'CAIRN_HOLD_SECONDS', HOLD_SECONDS, { min: 1, max: MAX_HOLD_SECONDS }),
    spoolLimits: spoolLimits(size('CAIRN_SPOOL_QUOTA_MIB', 1024), size('CAIRN_SPOOL_HIGH_WATER_MIB', 768)),
  };
}

/** Whole segments are what can be deleted, so a small quota needs smaller ones. */
function spoolLimits(quotaBytes: number, highWaterBytes: number): SpoolLimits {
  return { quotaBytes, highWaterBytes, segmentBytes: Math.min(DEFAULT_SPOOL_LIMITS.segmentBytes, Math.floor(quotaBytes / SEGMENTS)) };
}

function operatorUrl(env: Environment): string {
  const url = text(env, 'CAIRN_OPERATOR_URL');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ConfigError(`CAIRN_OPERATOR_URL is ${url}: use an http or https URL, for example https://cairn-operator.cairn-system.svc`);
  }
  return url.replace(/\/$/, '');
}

function resolutions(file: string): object {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(`CAIRN_RESOLVE_FILE is ${file}, which cannot be read as JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError(`CAIRN_RESOLVE_FILE is ${file}, which holds no object: use {"HOST:PORT": "ADDRESS:PORT"}`);
  }
  return value;
}

function resolveFile(file: string | undefined): Map<string, ListenAddress> {
  if (file === undefined) return new Map();
  return new Map(
    Object.entries(resolutions(file)).map(([destination, value]: [string, unknown]) => {
      const address = typeof value === 'string' ? parseAddress(value) : undefined;
      if (!address) throw new ConfigError(`CAIRN_RESOLVE_FILE: ${destination} is ${JSON.stringify(value)}: use ADDRESS:PORT`);
      return [destination.toLowerCase(), address];
    }),
  );
}
