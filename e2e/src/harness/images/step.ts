/** Runs one command of a build. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { STEP_OUTPUT_BYTES, STEP_TIMEOUT_MS } from './limits.js';

/** The root of the sources. */
export const SOURCES = fileURLToPath(new URL('../../../../', import.meta.url));

/** What it printed. Rejects with what it said when it fails. */
export async function step(command: string, args: readonly string[], cwd = SOURCES): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, timeout: STEP_TIMEOUT_MS, maxBuffer: STEP_OUTPUT_BYTES });
    return stdout;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split('\n').slice(-15).join('\n');
    throw new Error(`${command} ${args.join(' ')} failed${said ? `:\n${said}` : ''}`, { cause: error });
  }
}
