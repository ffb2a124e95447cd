/** A real sidecar process with explicit capture, in front of real servers, under a control plane of this test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { SpoolReader, type AuditEvent } from '@cairn/audit';
import { uuidv7 } from '@cairn/identity';
import type { ControlPlane } from './control-plane.js';
import { imageEnvironment } from './images/index.js';
import { freePorts } from './ports.js';

export interface SidecarOptions {
  plane: ControlPlane;
  /** Default `agent`. */
  agent?: string;
  labels?: Record<string, string>;
  /** Names of targets that get a listener of their own (all but HTTP). */
  targets?: readonly string[];
  /** Port of the agent's own server; undefined: it serves nothing. */
  serves?: number;
  /** Secret name -> key -> value. */
  credentials?: Record<string, Record<string, string>>;
  /** `host:port` as policy declares it -> `address:port` where it really is. */
  resolve?: Record<string, string>;
  env?: Record<string, string>;
  /** Command before `node main.js`, for example ['taskset', '-c', '1']. */
  prefix?: readonly string[];
  /** Options of node itself. */
  flags?: readonly string[];
  /** A message of its log after which it is not waited for any more; it is then killed. */
  failsAt?: string;
  /** Goes on in the spool of an earlier sidecar. */
  folder?: string;
}

export interface Sidecar {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Explicit HTTP proxy, `http://127.0.0.1:port`. */
  readonly proxyUrl: string;
  readonly proxyPort: number;
  readonly inboundUrl: string;
  readonly adminUrl: string;
  /** Holds spool/, agent/ (ca.crt, bundle.crt), credentials/. */
  readonly folder: string;
  readonly spoolFolder: string;
  readonly agentFolder: string;
  targetPort(name: string): number;
  /** Every event in the spool now, in order of writing. */
  events(): AuditEvent[];
  /** Resolves with the events once `ready` holds of them; asks again as the spool grows. Rejects after 20 s. */
  eventsWhen(ready: (events: AuditEvent[]) => boolean): Promise<AuditEvent[]>;
  /** Lines of its log so far. */
  readonly log: string[];
  /** SIGTERM and the end of the process; keeps the folder unless told otherwise. */
  stop(options?: { keep?: boolean }): Promise<void>;
  kill(): Promise<void>;
}

const MAIN = join(dirname(createRequire(import.meta.url).resolve('@cairn/sidecar')), 'main.js');
const READY_MS = 20_000;
const EVENTS_MS = 20_000;
const EVENTS_POLL_MS = 20;

export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { plane, agent = 'agent', targets = [] } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'cairn-sidecar-'));
  const spoolFolder = join(folder, 'spool');
  const agentFolder = join(folder, 'agent');
  const [proxyPort, inboundPort, adminPort, ...targetPorts] = await freePorts(3 + targets.length);
  const pod = { namespace: 'research', name: `${agent}-0`, uid: uuidv7(), agent, labels: options.labels ?? {} };
  const { workloadToken, grant } = await plane.admit(pod);
  writeInputs(folder, workloadToken, options);
  const ports = new Map(targets.map((name, index) => [name, targetPorts[index]!]));
  const env = {
    ...(await imageEnvironment('sidecar')),
    PATH: process.env['PATH'],
    CAIRN_AGENT: agent,
    CAIRN_NAMESPACE: pod.namespace,
    CAIRN_POD_NAME: pod.name,
    CAIRN_POD_UID: pod.uid,
    CAIRN_NODE: 'test-node',
    CAIRN_OPERATOR_URL: plane.url,
    CAIRN_WORKLOAD_TOKEN_FILE: join(folder, 'token'),
    CAIRN_GRANT: grant,
    CAIRN_CREDENTIALS_DIR: join(folder, 'credentials'),
    CAIRN_SPOOL_DIR: spoolFolder,
    CAIRN_AGENT_DIR: agentFolder,
    CAIRN_CAPTURE: 'explicit',
    CAIRN_PROXY_LISTEN: `127.0.0.1:${proxyPort}`,
    CAIRN_INBOUND_LISTEN: `127.0.0.1:${inboundPort}`,
    CAIRN_INBOUND_PORTS: options.serves === undefined ? '' : String(options.serves),
    CAIRN_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    CAIRN_TARGET_LISTEN: [...ports].map(([name, port]) => `${name}=127.0.0.1:${port}`).join(','),
    CAIRN_RESOLVE_FILE: join(folder, 'resolve.json'),
    ...options.env,
  };
  const [command, ...args] = [...(options.prefix ?? []), process.execPath, ...(options.flags ?? []), MAIN];
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const log: string[] = [];
  await ready(child, log, { failsAt: options.failsAt });
  const ended = (signal: NodeJS.Signals): Promise<void> => endedBy(child, signal);
  const events = (): AuditEvent[] => spoolEvents(spoolFolder);
  return {
    pid: child.pid!,
    process: child,
    proxyUrl: `http://127.0.0.1:${proxyPort}`,
    proxyPort: proxyPort!,
    inboundUrl: `http://127.0.0.1:${inboundPort}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    folder,
    spoolFolder,
    agentFolder,
    targetPort: (name) => {
      const port = ports.get(name);
      if (port === undefined) throw new Error(`no listener for target ${name}: name it in the option targets`);
      return port;
    },
    events,
    eventsWhen: (holds) => eventsWhen(events, holds),
    log,
    async stop({ keep = false } = {}) {
      await ended('SIGTERM');
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
    kill: () => ended('SIGKILL'),
  };
}

export function writeInputs(folder: string, workloadToken: string, options: Pick<SidecarOptions, 'resolve' | 'credentials'>): void {
  writeFileSync(join(folder, 'token'), workloadToken, { mode: 0o600 });
  writeFileSync(join(folder, 'resolve.json'), JSON.stringify(options.resolve ?? {}));
  for (const [secret, keys] of Object.entries(options.credentials ?? {})) {
    mkdirSync(join(folder, 'credentials', secret), { recursive: true });
    for (const [key, value] of Object.entries(keys)) writeFileSync(join(folder, 'credentials', secret, key), value);
  }
}

interface Readiness {
  /** Message of a log line that means failure. */
  failsAt?: string | undefined;
  /** What the log line of readiness holds. */
  words?: string;
}

/** Sends the signal, where the process has not ended yet, and resolves once it has. */
export async function endedBy(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

/** Resolves at the log line that says so; rejects with the log, and kills it, when it ends, says `failsAt`, or the time is over. */
export function ready(child: ChildProcess, log: string[], { failsAt, words = '"sidecar ready"' }: Readiness = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (why: string): void => {
      child.kill('SIGKILL');
      reject(new Error(`the process ${why}:\n${log.join('\n')}`));
    };
    const timer = setTimeout(() => failed(`was not ready within ${READY_MS} ms`), READY_MS);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      failed(`ended (${code ?? signal})`);
    });
    createInterface({ input: child.stderr! }).on('line', (line) => {
      log.push(line);
      if (failsAt !== undefined && line.includes(`"${failsAt}"`)) failed('said so');
      if (!line.includes(words)) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

export function spoolEvents(folder: string): AuditEvent[] {
  const reader = new SpoolReader(folder);
  const events: AuditEvent[] = [];
  for (let records = reader.read(BATCH); records.length > 0; records = reader.read(BATCH)) {
    for (const record of records) if (record.kind === 'event') events.push(JSON.parse(record.line) as AuditEvent);
  }
  return events;
}

const BATCH = 1_000;

export async function eventsWhen(read: () => AuditEvent[], holds: (events: AuditEvent[]) => boolean): Promise<AuditEvent[]> {
  const until = Date.now() + EVENTS_MS;
  for (;;) {
    const events = read();
    if (holds(events)) return events;
    if (Date.now() > until) throw new Error(`the spool did not come to hold what was waited for; it holds ${summary(events)}`);
    await new Promise((resolve) => setTimeout(resolve, EVENTS_POLL_MS));
  }
}

function summary(events: AuditEvent[]): string {
  return JSON.stringify(events.map(({ stage, operation, response }) => [stage, operation?.verb, operation?.resource, response?.status]));
}
