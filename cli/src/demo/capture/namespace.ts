/**
 * A namespace is held by one process that waits on its standard input: when the demo ends, in whatever way, the pipe closes,
 * the process ends, and the kernel removes the namespace with its links, rules and mounts. Nothing is left to clean up.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Namespace {
  readonly pid: number;
  close(): Promise<void>;
}

const READY = 'ready';

/** Runs `script` as sh inside new namespaces, with `args` as $1, $2, ...; resolves when it is through. Rejects with what it wrote to stderr. */
export async function holdNamespace(kinds: readonly ('net' | 'mount')[], script: string, args: readonly string[] = []): Promise<Namespace> {
  const flags = kinds.map((kind) => `--${kind}`);
  const program = `set -e\n${script}\necho ${READY}\nexec cat >/dev/null\n`;
  const command = ['--pdeathsig', 'KILL', 'unshare', ...flags, 'sh', '-c', program, 'sh', ...args];
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
  const child = spawn('setpriv', command, { stdio: ['pipe', 'pipe', 'pipe'], env });
  const said: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(String(chunk)));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(said.join('').trim() || `unshare ended with code ${code}`)));
    createInterface({ input: child.stdout }).once('line', () => resolve());
  });
  return { pid: child.pid!, close: () => close(child) };
}

async function close(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  child.kill('SIGKILL');
  await ended;
}
