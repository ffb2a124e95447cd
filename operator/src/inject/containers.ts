/** The containers that injection adds: capture (transparent only) and the sidecar. The names of variables are the sidecar's contract. */
import type { Target } from '@cairn/crds';
import type { Container, EnvVar, PodSpec, SecurityContext, VolumeMount } from './kubernetes.js';
import { targetListeners } from './agent-env.js';
import { GRANT_ANNOTATION, type Capture, type LogLevel } from './annotations.js';
import { STARTUP_SECONDS } from './limits.js';
import {
  AGENT_DIR,
  AGENT_VOLUME,
  API_TOKEN_DIR,
  API_TOKEN_VOLUME,
  CAPTURE_CONTAINER,
  CREDENTIALS_DIR,
  credentialVolume,
  OPERATOR_CA_DIR,
  OPERATOR_CA_VOLUME,
  SIDECAR_CONTAINER,
  SPOOL_DIR,
  SPOOL_VOLUME,
  TOKEN_DIR,
  TOKEN_VOLUME,
} from './names.js';
import type { InjectSettings } from './settings.js';
import { presentsServiceAccount } from './volumes.js';

/** Everything that rendering needs, decided. */
export interface Plan {
  agent: string;
  capture: Capture;
  logLevel: LogLevel;
  resources: { cpu: string; memory: string };
  targets: readonly Target[];
  /** Names of the Secrets that targets' credentials and CAs stand in, in order of first use. */
  secrets: readonly string[];
  /** Those that the sidecar is given; none where the gateway alone holds them. */
  mounted: readonly string[];
  /** UID and GID of the sidecar. */
  sidecarUid: number;
  settings: InjectSettings;
}

const literals = (variables: Record<string, string>): EnvVar[] => Object.entries(variables).map(([name, value]) => ({ name, value }));
const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

const locked = (rest: SecurityContext): SecurityContext => ({
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  seccompProfile: { type: 'RuntimeDefault' },
  ...rest,
});

/** TCP ports that the agents' containers serve. Named ports of UDP are theirs to lose: UDP is closed. */
export function servedPorts(spec: PodSpec): number[] {
  const ports = spec.containers.flatMap((container) => container.ports ?? []).filter((port) => (port.protocol ?? 'TCP') === 'TCP');
  return [...new Set(ports.map((port) => port.containerPort))].toSorted((a, b) => a - b);
}

export function captureContainer(plan: Plan, served: readonly number[]): Container {
  const { image, ports } = plan.settings;
  return {
    name: CAPTURE_CONTAINER,
    image,
    command: ['node', 'sidecar/dist/capture/main.js'],
    env: literals({
      CAIRN_SIDECAR_UID: String(plan.sidecarUid),
      CAIRN_OUTBOUND_LISTEN: `[::]:${ports.outbound}`,
      CAIRN_INBOUND_LISTEN: `[::]:${ports.inbound}`,
      CAIRN_INBOUND_PORTS: served.join(','),
      CAIRN_DNS_LISTEN: `127.0.0.1:${ports.dns}`,
      CAIRN_ADMIN_LISTEN: `127.0.0.1:${ports.admin}`,
    }),
    securityContext: locked({ runAsUser: 0, runAsGroup: 0, runAsNonRoot: false, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } }),
  };
}

function identityVariables(plan: Plan): EnvVar[] {
  return [
    ...literals({ CAIRN_AGENT: plan.agent }),
    field('CAIRN_NAMESPACE', 'metadata.namespace'),
    field('CAIRN_POD_NAME', 'metadata.name'),
    field('CAIRN_POD_UID', 'metadata.uid'),
    field('CAIRN_NODE', 'spec.nodeName'),
    field('CAIRN_GRANT', `metadata.annotations['${GRANT_ANNOTATION}']`),
  ];
}

function listenVariables(plan: Plan, served: readonly number[]): EnvVar[] {
  const { ports } = plan.settings;
  const inbound = {
    CAIRN_INBOUND_LISTEN: `[::]:${ports.inbound}`,
    CAIRN_INBOUND_PORTS: served.join(','),
    CAIRN_ADMIN_LISTEN: `127.0.0.1:${ports.admin}`,
  };
  if (plan.capture === 'transparent') {
    return literals({ CAIRN_OUTBOUND_LISTEN: `[::]:${ports.outbound}`, CAIRN_DNS_LISTEN: `127.0.0.1:${ports.dns}`, ...inbound });
  }
  const targets = [...targetListeners(plan.targets, ports)].map(([target, port]) => `${target.name}=127.0.0.1:${port}`);
  return literals({ CAIRN_PROXY_LISTEN: `127.0.0.1:${ports.proxy}`, CAIRN_TARGET_LISTEN: targets.join(','), ...inbound });
}

function sidecarMounts(plan: Plan): VolumeMount[] {
  const credentials = plan.mounted.map((secret, index) => ({
    name: credentialVolume(index),
    mountPath: `${CREDENTIALS_DIR}/${secret}`,
    readOnly: true,
  }));
  const ca = plan.settings.operatorCa ? [{ name: OPERATOR_CA_VOLUME, mountPath: OPERATOR_CA_DIR, readOnly: true }] : [];
  return [
    { name: AGENT_VOLUME, mountPath: AGENT_DIR },
    { name: SPOOL_VOLUME, mountPath: SPOOL_DIR },
    { name: TOKEN_VOLUME, mountPath: TOKEN_DIR, readOnly: true },
    ...(presentsServiceAccount(plan.targets) ? [{ name: API_TOKEN_VOLUME, mountPath: API_TOKEN_DIR, readOnly: true }] : []),
    ...ca,
    ...credentials,
  ];
}

/** Asked inside the container: the admin listener is on loopback, where kubelet does not reach it. */
function startupProbe(adminPort: number): Container['startupProbe'] {
  const script = `fetch('http://127.0.0.1:${adminPort}/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  return { exec: { command: ['node', '-e', script] }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: STARTUP_SECONDS };
}

/** A native sidecar: an init container that restarts always starts before the agents and ends after them (KEP-753). */
export function sidecarContainer(plan: Plan, served: readonly number[]): Container {
  const { image, operatorUrl, operatorCa, ports, env } = plan.settings;
  const uid = plan.sidecarUid;
  return {
    name: SIDECAR_CONTAINER,
    image,
    restartPolicy: 'Always',
    command: ['node', 'sidecar/dist/main.js'],
    env: [
      ...identityVariables(plan),
      ...literals({
        CAIRN_OPERATOR_URL: operatorUrl,
        ...(operatorCa ? { CAIRN_OPERATOR_CA: `${OPERATOR_CA_DIR}/${operatorCa.key}` } : {}),
        CAIRN_WORKLOAD_TOKEN_FILE: `${TOKEN_DIR}/token`,
        CAIRN_CREDENTIALS_DIR: CREDENTIALS_DIR,
        ...(presentsServiceAccount(plan.targets) ? { CAIRN_SERVICE_ACCOUNT_DIR: API_TOKEN_DIR } : {}),
        CAIRN_SPOOL_DIR: SPOOL_DIR,
        CAIRN_AGENT_DIR: AGENT_DIR,
        CAIRN_CAPTURE: plan.capture,
      }),
      ...listenVariables(plan, served),
      ...literals({ CAIRN_LOG_LEVEL: plan.logLevel, ...env }),
    ],
    startupProbe: startupProbe(ports.admin),
    resources: { requests: plan.resources, limits: { memory: plan.resources.memory } },
    securityContext: locked({ runAsUser: uid, runAsGroup: uid, runAsNonRoot: true, capabilities: { drop: ['ALL'] } }),
    volumeMounts: sidecarMounts(plan),
  };
}
