/** Commands on the machine and in the node, and waiting for what they bring about. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LOG_TAIL_LINES, NODE_COMMAND_TIMEOUT_MS, NODE_OUTPUT_BYTES, POLL_MS } from './limits.js';

/** Runs a command; resolves to its stdout. Rejects with what it said where it fails. */
export async function run(command: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: NODE_OUTPUT_BYTES, timeout: NODE_COMMAND_TIMEOUT_MS };
    const child = execFile(command, [...args], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
      else resolve(stdout);
    });
    // It may end without having read everything.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** Waits until the condition holds; an error in it counts as not yet. Rejects with `problem`'s sentence when it does not come. */
export async function until(condition: () => Promise<boolean>, timeoutMs: number, problem: () => Promise<string>): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(await problem());
    await delay(POLL_MS);
  }
}

/** The end of a log, with its path first: where to look on. */
export async function logTail(file: string): Promise<string> {
  const log = await readFile(file, 'utf8').catch(() => '');
  return `look at ${file}, which ends with\n${log.trim().split('\n').slice(-LOG_TAIL_LINES).join('\n')}`;
}
