/** The operator as a process of its own, against a real API server. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:https';
import { fileURLToPath } from 'node:url';
import { DEFAULT_SETTINGS } from '@cairn/operator';
import type { Scope } from './kubernetes/index.js';
import { freePorts } from './ports.js';

const MAIN = fileURLToPath(new URL('../../../operator/dist/main.js', import.meta.url));
const READY_MS = 60_000;

export interface OperatorOptions {
  podName: string;
  namespace: string;
  kubeconfig: string;
  /** Further variables. */
  env?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface OperatorProcess {
  podName: string;
  /** Of the token service, the webhook and the metrics. */
  ports: { service: number; admission: number; admin: number };
  /** What it logged so far. */
  log(): string;
  /** Value of a metric without labels or with exactly these: `cairn_operator_leader`. */
  metric(name: string): Promise<number | undefined>;
  /** Asks the token service, whose certificate must be good for its Service's name. */
  ask(
    path: string,
    options: { ca: string; token?: string; headers?: Record<string, string>; form?: Record<string, string> },
  ): Promise<Answer>;
  /** Resolves once the process has ended, to its exit code; null where a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

async function untilReady(child: ChildProcess, admin: number, log: () => string): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the operator ended with ${child.exitCode}:\n${log()}`);
    const ready = await fetch(`http://127.0.0.1:${admin}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the operator was not ready within ${READY_MS} ms:\n${log()}`);
}

/** Starts one; resolves once it is ready. It ends with the scope. */
export async function startOperator(scope: Scope, { podName, namespace, kubeconfig, env = {} }: OperatorOptions): Promise<OperatorProcess> {
  const [service, admission, admin] = (await freePorts(3)) as [number, number, number];
  const lines: string[] = [];
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      KUBECONFIG: kubeconfig,
      CAIRN_NAMESPACE: namespace,
      CAIRN_POD_NAME: podName,
      CAIRN_SIDECAR_IMAGE: DEFAULT_SETTINGS.image,
      CAIRN_WEBHOOK_URL_BASE: `https://127.0.0.1:${admission}`,
      CAIRN_SERVICE_LISTEN: `127.0.0.1:${service}`,
      CAIRN_ADMISSION_LISTEN: `127.0.0.1:${admission}`,
      CAIRN_ADMIN_LISTEN: `127.0.0.1:${admin}`,
      ...env,
    },
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => void lines.push(text));
  const log = (): string => lines.join('');
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    return child.exitCode;
  };
  scope.after(async () => void (await stop('SIGKILL')));
  await untilReady(child, admin, log);
  return {
    podName,
    ports: { service, admission, admin },
    log,
    stop,
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
      const line = text.split('\n').find((each) => each.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
    ask(path, { ca, token, headers = {}, form }) {
      const servername = `cairn-operator.${namespace}.svc`;
      const body = form && new URLSearchParams(form).toString();
      const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
      const method = body === undefined ? 'GET' : 'POST';
      const all = { ...headers, ...type, ...(token ? { authorization: `Bearer ${token}` } : {}) };
      return new Promise((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port: service, path, method, ca, servername, headers: all, agent: false }, (response) => {
          const chunks: string[] = [];
          response.setEncoding('utf8').on('data', (chunk: string) => void chunks.push(chunk));
          response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: chunks.join('') }));
        });
        sent.once('error', reject).end(body);
      });
    },
  };
}
