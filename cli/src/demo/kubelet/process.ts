/** One container as one process: its log goes to a file, its end is a promise, it is stopped by its own pid. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { LOG_TAIL_LINES, STOP_MS } from '../limits.js';

/** What a sandbox made of a container's command: an absolute argv, ready to spawn. */
export interface Launch {
  argv: string[];
  env: Record<string, string>;
  cwd: string;
}

export interface ContainerProcess {
  readonly pid: number;
  readonly log: string;
  /** Exit code, or the signal's name. Never rejects. */
  readonly ended: Promise<number | string>;
  /** SIGTERM, then SIGKILL after STOP_MS; resolves when it is gone. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function startProcess(launch: Launch, log: string): ContainerProcess {
  const output = openSync(log, 'a', 0o600);
  const [command, ...args] = launch.argv;
  const child = spawn(command!, args, { cwd: launch.cwd, env: launch.env, stdio: ['ignore', output, output] });
  closeSync(output);
  running.add(child);
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'ended'));
  }).finally(() => running.delete(child));
  return { pid: child.pid ?? -1, log, ended, stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** The last lines of a log, for a failure's report. */
export function logTail(log: string): string {
  return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
