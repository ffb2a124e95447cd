/** The node: a process tree in namespaces of its own (mounts, network, PIDs, host name, IPC). With its first process all of it ends. */
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GONE_TIMEOUT_MS, READY_TIMEOUT_MS } from './limits.js';
import type { Layout } from './layout.js';
import type { ClusterPlan } from './plan.js';
import { logTail, run, until } from './run.js';

const SCRIPTS = fileURLToPath(new URL('../../../node/', import.meta.url));

export interface Program {
  /** As it stands in sentences, and the name of its log. */
  name: string;
  argv: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Whether it does its work. */
  ready: () => Promise<boolean>;
}

export class NodeNamespaces {
  constructor(
    private readonly layout: Layout,
    /** The process on the machine that holds them (unshare). */
    readonly pid: number,
  ) {}

  /** Starts the node's first process and waits until its mounts are made. */
  static async start(plan: ClusterPlan, layout: Layout): Promise<NodeNamespaces> {
    await mkdir(layout.node, { recursive: true });
    const unshare = 'echo $$ > "$1" && shift && exec unshare --net --mount --pid --uts --ipc --fork --mount-proc --kill-child=SIGKILL "$@"';
    const init = ['bash', join(SCRIPTS, 'init.sh'), layout.node, plan.nodeName];
    const log = join(layout.logs, 'node.log');
    const shell = spawn('bash', ['-c', `exec >> "$0" 2>&1; ${unshare}`, log, layout.pid, ...init], { detached: true, stdio: 'ignore' });
    shell.unref();
    const ready = () => readFile(join(layout.node, 'mounted')).then(() => true);
    await until(ready, READY_TIMEOUT_MS, async () => `the node's namespaces were not made: ${await logTail(log)}`);
    return new NodeNamespaces(layout, shell.pid!);
  }

  /** Runs a command in the node; resolves to its stdout. */
  async exec(argv: readonly string[], input?: string): Promise<string> {
    return run('nsenter', [...this.#enter(), '--', ...argv], input);
  }

  /** Starts a program that stays, and waits until it is ready. Its log is kept. */
  async launch({ name, argv, env = {}, ready }: Program): Promise<void> {
    const log = join(this.layout.logs, `${name}.log`);
    // Orphaned at once, it becomes a child of the node's first process, which reaps it.
    const script = 'log=$1; shift; setsid env "$@" >> "$log" 2>&1 < /dev/null &';
    const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    await this.exec(['bash', '-c', script, name, log, ...settings, ...argv]);
    await until(ready, READY_TIMEOUT_MS, async () => `${name} is not ready after ${READY_TIMEOUT_MS / 1000} s: ${await logTail(log)}`);
  }

  /** Ends every process of the node and waits until the last is gone. */
  async kill(): Promise<void> {
    const init = await childOf(this.pid);
    signal(this.pid);
    const gone = async () => !(await alive(this.pid)) && !(init !== undefined && (await alive(init)));
    await until(gone, GONE_TIMEOUT_MS, async () => `processes of the node outlive it: see ps -p ${this.pid},${init ?? ''}`);
  }

  #enter(): string[] {
    const of = (name: string) => `/proc/${this.pid}/ns/${name}`;
    const pids = of('pid_for_children');
    return [`--net=${of('net')}`, `--mount=${of('mnt')}`, `--uts=${of('uts')}`, `--ipc=${of('ipc')}`, `--pid=${pids}`, '--wd=/'];
  }
}

/** Whether this process holds the namespaces of the cluster: PIDs are used again, its arguments are its own. */
export async function holdsNode(pid: number, layout: Layout): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line.split('\0').includes(layout.node) && (await alive(pid));
}

async function alive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The state follows the name, which may hold anything but ends at the last parenthesis (proc(5)).
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

async function childOf(pid: number): Promise<number | undefined> {
  const found = await run('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => '');
  return Number(found.trim().split(/\s+/)[0]) || undefined;
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
