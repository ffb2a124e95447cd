/** One server as a child process that ends with this one, however this one ends, and whose log is kept in a file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LOG_TAIL_LINES, POLL_MS, START_TIMEOUT_MS } from './limits.js';

export interface ServerCommand {
  /** As it stands in sentences. */
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  logFile: string;
  /** Whether it serves. */
  ready(): Promise<boolean>;
}

export class ServerProcess {
  #child: ChildProcess | undefined;

  constructor(private readonly server: ServerCommand) {}

  /** Starts it (again) and waits until it is ready. Rejects with the end of its log where it is not. */
  async start(): Promise<void> {
    const { command, args, logFile, env } = this.server;
    const log = await open(logFile, 'a');
    // The kernel ends it when this process dies without a chance to (prctl PR_SET_PDEATHSIG).
    const tied = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', '--', command] : [command];
    const [program, ...before] = tied as [string, ...string[]];
    const child = spawn(program, [...before, ...args], { stdio: ['ignore', log.fd, log.fd], env: env ?? process.env });
    await log.close();
    this.#child = child;
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.removeListener('exit', end));
    child.once('error', () => undefined);
    await this.#waitUntilReady(child);
  }

  get running(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Sends a signal and waits until the process is gone. Nothing when it is gone already. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.#child || !this.running) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }

  async #waitUntilReady(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.server.ready().catch(() => false))) {
      const ended = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
      if (!ended && Date.now() < deadline) {
        await delay(POLL_MS);
        continue;
      }
      await this.end('SIGKILL');
      const what = ended ? 'ended at its start' : `was not ready after ${START_TIMEOUT_MS / 1000} s`;
      throw new Error(`${this.server.name} ${what}:\n${await this.#tail()}`);
    }
  }

  async #tail(): Promise<string> {
    const log = await readFile(this.server.logFile, 'utf8');
    return log.trim().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }
}
