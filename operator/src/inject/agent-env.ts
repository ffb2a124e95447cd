/** The environment that injection gives agents, and how it takes it back before rendering again. */
import type { Target } from '@cairn/crds';
import type { Container, EnvVar } from './kubernetes.js';
import type { Capture } from './annotations.js';
import { AGENT_DIR } from './names.js';
import type { SidecarPorts } from './settings.js';

const BUNDLE = `${AGENT_DIR}/bundle.crt`;
const CA = `${AGENT_DIR}/ca.crt`;
const JAVA_TRUST = `-Djavax.net.ssl.trustStore=${AGENT_DIR}/bundle.jks -Djavax.net.ssl.trustStorePassword=cairn`;

/** Trust in the pod's CA, for the clients that people use. NODE_EXTRA_CA_CERTS adds to Node's own list, the others replace one. */
const trust: readonly EnvVar[] = [
  { name: 'SSL_CERT_FILE', value: BUNDLE },
  { name: 'NODE_EXTRA_CA_CERTS', value: CA },
  { name: 'REQUESTS_CA_BUNDLE', value: BUNDLE },
  { name: 'CURL_CA_BUNDLE', value: BUNDLE },
  { name: 'GIT_SSL_CAINFO', value: BUNDLE },
  { name: 'PGSSLROOTCERT', value: BUNDLE },
  { name: 'AWS_CA_BUNDLE', value: BUNDLE },
];

/** Destinations that never go through the proxy: the pod itself. */
const NO_PROXY = 'localhost,127.0.0.1,::1';

function proxyVariables(ports: SidecarPorts): EnvVar[] {
  const url = `http://127.0.0.1:${ports.proxy}`;
  const both = (name: string, value: string): EnvVar[] => [
    { name, value },
    { name: name.toLowerCase(), value },
  ];
  return [...both('HTTP_PROXY', url), ...both('HTTPS_PROXY', url), ...both('NO_PROXY', NO_PROXY)];
}

/** Explicit listeners of the targets that an HTTP proxy cannot carry, in the order of the policy. */
export function targetListeners(targets: readonly Target[], ports: SidecarPorts): Map<Target, number> {
  return new Map(targets.filter((target) => target.protocol !== 'http').map((target, index) => [target, ports.targets + index]));
}

/** Points libpq's variables at the sidecar where they name a declared database; a client that builds its own URL is not seen here. */
function postgresVariables(env: readonly EnvVar[], listeners: ReadonlyMap<Target, number>): EnvVar[] {
  const literal = (name: string): string | undefined => env.find((each) => each.name === name)?.value;
  const host = literal('PGHOST')?.toLowerCase().replace(/\.$/, '');
  const port = Number(literal('PGPORT') ?? 5432);
  for (const [target, listener] of listeners) {
    if (target.protocol !== 'postgres' || target.port !== port || !target.hosts.some((each) => each.toLowerCase() === host)) continue;
    return [
      { name: 'PGHOST', value: '127.0.0.1' },
      { name: 'PGPORT', value: String(listener) },
    ];
  }
  return [];
}

/**
 * In-cluster clients take the API server's address from these two, which kubelet sets to an IP address. The name is routed to the
 * sidecar, whose certificate bears it; in explicit capture its listener on loopback is.
 */
function kubernetesVariables(targets: readonly Target[], listeners: ReadonlyMap<Target, number> | undefined): EnvVar[] {
  const target = targets.find(({ protocol }) => protocol === 'kubernetes');
  if (!target) return [];
  const listener = listeners?.get(target);
  return [
    { name: 'KUBERNETES_SERVICE_HOST', value: listener === undefined ? target.hosts[0]! : 'localhost' },
    { name: 'KUBERNETES_SERVICE_PORT', value: String(listener ?? target.port) },
  ];
}

function javaOptions(env: readonly EnvVar[]): EnvVar {
  const own = env.find((each) => each.name === 'JAVA_TOOL_OPTIONS')?.value;
  return { name: 'JAVA_TOOL_OPTIONS', value: own ? `${own} ${JAVA_TRUST}` : JAVA_TRUST };
}

/** What injection adds to one agent container. */
export function agentVariables(env: readonly EnvVar[], targets: readonly Target[], capture: Capture, ports: SidecarPorts): EnvVar[] {
  const listeners = capture === 'explicit' ? targetListeners(targets, ports) : undefined;
  const explicit = listeners ? [...proxyVariables(ports), ...postgresVariables(env, listeners)] : [];
  return [...trust, javaOptions(env), ...kubernetesVariables(targets, listeners), ...explicit];
}

/** Names that injection added where there was nothing, and entries that it replaced. */
export interface ReplacedEnv {
  added: string[];
  replaced: EnvVar[];
}

/** Sets variables: an entry of the same name is replaced where it stands, others are appended. */
export function setVariables(container: Container, variables: readonly EnvVar[]): { container: Container; undo: ReplacedEnv } {
  const env = [...(container.env ?? [])];
  const undo: ReplacedEnv = { added: [], replaced: [] };
  for (const variable of variables) {
    // The last entry of a name is the one that counts (Kubernetes API, EnvVar).
    const index = env.findLastIndex((each) => each.name === variable.name);
    if (index < 0) {
      env.push(variable);
      undo.added.push(variable.name);
    } else {
      undo.replaced.push(env[index]!);
      env[index] = variable;
    }
  }
  return { container: { ...container, env }, undo };
}

/** The environment as it was before setVariables. */
export function restoreVariables(container: Container, undo: ReplacedEnv): Container {
  const added = new Set(undo.added);
  const env = (container.env ?? []).filter((each) => !added.has(each.name));
  for (const original of undo.replaced) {
    const index = env.findLastIndex((each) => each.name === original.name);
    if (index >= 0) env[index] = original;
  }
  const { env: _, ...rest } = container;
  return env.length > 0 ? { ...rest, env } : rest;
}
