/** Runs kubectl and Helm as a person would, and keeps what they say. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { COMMAND_OUTPUT_BYTES, COMMAND_TIMEOUT_MS } from './limits.js';

export interface CommandResult {
  /** The exit code; null when a signal or the time limit ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What a command that must succeed said when it did not. */
export class CommandError extends Error {
  constructor(
    command: string,
    readonly result: CommandResult,
  ) {
    super(`${command} exited with ${result.code}: ${result.stderr.trim() || result.stdout.trim()}`);
    this.name = 'CommandError';
  }
}

export interface CommandOptions {
  /** Written to its stdin. */
  input?: string;
  env: NodeJS.ProcessEnv;
  /** Milliseconds after which it is ended. Default: a minute. */
  timeoutMs?: number;
}

export async function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const { input, env, timeoutMs = COMMAND_TIMEOUT_MS } = options;
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let bytes = 0;
  const keep = (chunks: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > COMMAND_OUTPUT_BYTES) child.kill('SIGKILL');
    else chunks.push(chunk);
  };
  child.stdout.on('data', keep(stdout));
  child.stderr.on('data', keep(stderr));
  // It may end without having read everything.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}
