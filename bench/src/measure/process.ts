/** Processes on a core of their own, and what they cost. */
import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** Proxies run on one core; load and upstream share the other, so that they never take a proxy's time. */
export const PROXY_CORE = 1;
export const LOAD_CORE = 0;
/** USER_HZ of every Linux that Node runs on: the unit of /proc/PID/stat (proc(5)). */
const TICK_MICROSECONDS = 10_000;

/** All threads of a process, and what it starts from now on. */
export function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' });
}

/** Of a child of this process with the text in its command line, where something else started it. */
export function childPid(text: string): number | undefined {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return children.map(Number).find((pid) => commandLine(pid).includes(text));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It ended since.
    return '';
  }
}

/** taskset(1) replaces itself by the command, so that the child's pid is the command's own. */
export function spawnPinned(core: number, command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn('taskset', ['-c', String(core), command, ...args], options);
  const reap = () => child.kill('SIGKILL');
  process.once('exit', reap);
  child.once('exit', () => process.removeListener('exit', reap));
  return child;
}

export async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

export async function endProcess(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await ended(child);
}

/** User and system time of all threads, ended ones included. */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command in parentheses may hold spaces; utime and stime are fields 14 and 15, the 11th and 12th behind the state.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
}

export function rssMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}
