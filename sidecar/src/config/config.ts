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

export interface SidecarConfig {
  agent: AuditEvent['agent'];
  operator: { url: string; caFile: string | undefined };
  workloadTokenFile: string;
  grant: string | undefined;
  credentialsFolder: string;
  /** Holds this pod's own token of its service account and the API server's CA; undefined where none is mounted. */
  serviceAccountFolder: string | undefined;
  spoolFolder: string;
  agentFolder: string;
  capture: 'transparent' | 'explicit';
  outbound: ListenAddress;
  proxy: ListenAddress;
  targets: ReadonlyMap<string, ListenAddress>;
  inbound: ListenAddress;
  inboundPorts: readonly number[];
  dns: ListenAddress;
  admin: ListenAddress;
  logLevel: LogLevel;
  /** `host:port` -> where it really is; overrides name resolution. */
  resolve: ReadonlyMap<string, ListenAddress>;
  kafka: KafkaConnection | undefined;
  spoolLimits: SpoolLimits;
  /** How long a request waits for its approval before the agent is told to come again. */
  holdSeconds: number;
}

const MEBIBYTE = 1024 * 1024;
/** Segments that a quota has room for at least. */
const SEGMENTS = 8;

/** Throws ConfigError. */
export function sidecarConfig(env: Environment): SidecarConfig {
  const size = (name: string, fallback: number): number => integer(env, name, fallback, { min: 1, max: 1024 * 1024 }) * MEBIBYTE;
  return {
    agent: {
      name: text(env, 'CAIRN_AGENT'),
      namespace: text(env, 'CAIRN_NAMESPACE'),
      pod: text(env, 'CAIRN_POD_NAME'),
      uid: text(env, 'CAIRN_POD_UID'),
      node: text(env, 'CAIRN_NODE'),
    },
    operator: { url: operatorUrl(env), caFile: optional(env, 'CAIRN_OPERATOR_CA') },
    workloadTokenFile: text(env, 'CAIRN_WORKLOAD_TOKEN_FILE'),
    grant: optional(env, 'CAIRN_GRANT'),
    credentialsFolder: text(env, 'CAIRN_CREDENTIALS_DIR'),
    serviceAccountFolder: optional(env, 'CAIRN_SERVICE_ACCOUNT_DIR'),
    spoolFolder: text(env, 'CAIRN_SPOOL_DIR'),
    agentFolder: text(env, 'CAIRN_AGENT_DIR'),
    capture: oneOf(env, 'CAIRN_CAPTURE', ['transparent', 'explicit'], 'transparent'),
    outbound: listenAddress(env, 'CAIRN_OUTBOUND_LISTEN', '[::]:15001'),
    proxy: listenAddress(env, 'CAIRN_PROXY_LISTEN', '127.0.0.1:15002'),
    targets: namedAddresses(env, 'CAIRN_TARGET_LISTEN'),
    inbound: listenAddress(env, 'CAIRN_INBOUND_LISTEN', '[::]:15006'),
    inboundPorts: ports(env, 'CAIRN_INBOUND_PORTS'),
    dns: listenAddress(env, 'CAIRN_DNS_LISTEN', '127.0.0.1:15053'),
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
