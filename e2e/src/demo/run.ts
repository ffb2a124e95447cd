/** Runs the demo and the `cairn` command as a user would: as child processes, by their command lines. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const project = resolve(import.meta.dirname, '..', '..', '..');
export const isRoot = process.getuid?.() === 0;

/** An account that owns nothing. */
const NOBODY = 65_534;

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

export interface Running {
  child: ChildProcess;
  /** Everything that was printed so far. */
  output(): string;
  /** Resolves as soon as the output matches; rejects when the process ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  finished: Promise<Finished>;
}

/** `cwd` is where relative folders are looked up. */
export function start(command: string, args: readonly string[], cwd: string): Running {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const finished = once(child, 'close').then(([code, signal]): Finished => ({ code, signal, output }));
  const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
    let ended = false;
    void finished.then(() => (ended = true));
    for (;;) {
      const found = pattern.exec(output);
      if (found) return found;
      if (ended) throw new Error(`ended before it printed ${pattern}:\n${output}`);
      await Promise.race([once(child.stdout, 'data'), finished]);
    }
  };
  return { child, output: () => output, printed, finished };
}

const cairnCommand = (root: string, args: readonly string[]): string[] => [join(root, 'cli', 'bin', 'cairn.js'), ...args];

/** `cairn` as this user. */
export function startCairn(args: readonly string[], cwd: string): Running {
  return start(process.execPath, cairnCommand(project, args), cwd);
}

export function cairn(args: readonly string[], cwd: string): Promise<Finished> {
  return startCairn(args, cwd).finished;
}

/**
 * `cairn` as an ordinary user. Root becomes nobody, in a mount namespace of its own: the project and node may lie where
 * nobody may not walk.
 */
export function startCairnUnprivileged(args: readonly string[], cwd: string): Running {
  if (!isRoot) return startCairn(args, cwd);
  const [command, ...rest] = cairnCommand('/mnt/project', args);
  const become = `--reuid=${NOBODY} --regid=${NOBODY} --clear-groups`;
  const script = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/project /mnt/folder
: > /mnt/node
mount --bind "$1" /mnt/project
mount --bind "$2" /mnt/folder
mount --bind "$3" /mnt/node
cd /mnt/folder
shift 3
exec setpriv ${become} /mnt/node "$@"`;
  return start('unshare', ['--mount', 'sh', '-c', script, 'sh', project, cwd, process.execPath, command!, ...rest], cwd);
}

/** A folder for one run, removed afterwards; nobody's where an unprivileged run uses it. */
export function temporaryFolder(unprivileged: boolean): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'cairn-demo-'));
  if (unprivileged && isRoot) chownSync(path, NOBODY, NOBODY);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'environ'), 'utf8');
  } catch {
    return ''; // It ended meanwhile, or is somebody else's.
  }
}

/** Processes that were given a path below this folder: every container of a pod is. */
export function processesOf(folder: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  return pids.filter((pid) => environmentOf(pid).includes(folder));
}
