/** One process at a time, by flock(2): the kernel lets go of the lock when its holder dies, so that none is ever stale. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Waits for the lock on a file and resolves to what releases it. Where flock(1) is missing the lock is not taken, and two may do the same work. */
export async function lock(file: string, timeoutSeconds: number): Promise<() => void> {
  const script = 'echo held; exec cat >/dev/null';
  const holder = spawn('flock', ['--timeout', String(timeoutSeconds), file, 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  const held = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    once(holder, 'exit').then(() => false),
    once(holder, 'error').then(() => undefined),
  ]);
  if (held === undefined) return () => undefined;
  if (!held)
    throw new Error(`${file} was held by another process for ${timeoutSeconds} s: it builds the same; look at what it does, or end it`);
  return () => void holder.stdin.end();
}
