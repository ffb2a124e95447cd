/** A real gateway process, and a front before several of them as a Service is: each connection to one that answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AuditEvent } from '@cairn/audit';
import type { ControlPlane } from './control-plane.js';
import { freePorts } from './ports.js';
import { endedBy, eventsWhen, ready, spoolEvents, writeInputs } from './sidecar.js';

export interface GatewayOptions {
  plane: ControlPlane;
  name: string;
  /** Namespace/secret -> key -> value. */
  credentials?: Record<string, Record<string, string>>;
  /** `host:port` as policy declares it -> `address:port` where it really is. */
  resolve?: Record<string, string>;
  /** Goes on in the spool of an earlier one. */
  folder?: string;
  env?: Record<string, string>;
  /** Command before `node main.js`, for example ['taskset', '-c', '1']. */
  prefix?: readonly string[];
}

export interface Gateway {
  readonly pid: number;
  readonly port: number;
  readonly adminUrl: string;
  readonly folder: string;
  readonly spoolFolder: string;
  readonly log: string[];
  events(): AuditEvent[];
  eventsWhen(ready: (events: AuditEvent[]) => boolean): Promise<AuditEvent[]>;
  stop(options?: { keep?: boolean }): Promise<void>;
  kill(): Promise<void>;
}

const MAIN = join(dirname(createRequire(import.meta.url).resolve('@cairn/sidecar')), 'gateway/main.js');

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { plane, name } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'cairn-gateway-'));
  const spoolFolder = join(folder, 'spool');
  const [port, admin] = (await freePorts(2)) as [number, number];
  const { pod, workloadToken } = await plane.admitGateway(name);
  writeInputs(folder, workloadToken, options);
  const env = {
    PATH: process.env['PATH'],
    CAIRN_NAMESPACE: pod.namespace,
    CAIRN_POD_NAME: pod.name,
    CAIRN_POD_UID: pod.uid,
    CAIRN_NODE: 'test-node',
    CAIRN_OPERATOR_URL: plane.url,
    CAIRN_WORKLOAD_TOKEN_FILE: join(folder, 'token'),
    CAIRN_CREDENTIALS_DIR: join(folder, 'credentials'),
    CAIRN_SPOOL_DIR: spoolFolder,
    CAIRN_GATEWAY_LISTEN: `127.0.0.1:${port}`,
    CAIRN_ADMIN_LISTEN: `127.0.0.1:${admin}`,
    CAIRN_RESOLVE_FILE: join(folder, 'resolve.json'),
    ...options.env,
  };
  const [command, ...args] = [...(options.prefix ?? []), process.execPath, MAIN];
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const log: string[] = [];
  await ready(child, log, { words: '"gateway ready"' });
  const ended = (signal: NodeJS.Signals): Promise<void> => endedBy(child, signal);
  const events = (): AuditEvent[] => spoolEvents(spoolFolder);
  return {
    pid: child.pid!,
    port,
    adminUrl: `http://127.0.0.1:${admin}`,
    folder,
    spoolFolder,
    log,
    events,
    eventsWhen: (holds) => eventsWhen(events, holds),
    async stop({ keep = false } = {}) {
      await ended('SIGTERM');
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
    kill: () => ended('SIGKILL'),
  };
}

export interface Front {
  readonly port: number;
  close(): void;
}

/** Round robin; a replica that refuses is passed over. */
export async function startFront(ports: () => readonly number[]): Promise<Front> {
  let turn = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on('error', () => client.destroy());
    const attempt = (left: number): void => {
      const all = ports();
      const behind = connect({ port: all[turn++ % all.length]!, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      behind.once('connect', () => {
        client.pipe(behind).pipe(client);
        client.once('close', () => behind.destroy());
        behind.once('close', () => client.destroy());
      });
      behind.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED' && left > 0) attempt(left - 1);
        else client.destroy();
      });
    };
    attempt(ports().length - 1);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
