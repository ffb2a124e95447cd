/** The operator's HTTP API, as a person calls it. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ANSWER_MS } from './limits.js';
import { DEFAULT_TOKEN_FILE, readToken } from './token-file.js';

export interface OperatorOptions {
  server: string;
  tokenFile: string;
  ca?: string;
}

export function withOperator(command: Command): Command {
  return command
    .requiredOption('--server <url>', "the operator's address")
    .option('--token-file <path>', 'your token, as cairn launch stores it', DEFAULT_TOKEN_FILE)
    .option('--ca <file>', "certificate authority of the operator's address");
}

/** The operator understood and said no: exit code 1. */
export class Refused extends Error {}

interface Problem {
  detail?: string;
}

/** Asks with the person's token. Throws Refused where the answer is no, and Error where there is none. */
export async function askOperator<Answer>(options: OperatorOptions, path: string, body?: unknown): Promise<Answer> {
  const { Agent, fetch } = await import('undici');
  const token = await readToken(options.tokenFile);
  const ca = options.ca ? await readFile(options.ca, 'utf8') : undefined;
  const dispatcher = new Agent(ca ? { connect: { ca } } : {});
  try {
    const response = await fetch(new URL(path, options.server), {
      dispatcher,
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    }).catch((error: unknown) => {
      throw new Error(`the operator at ${options.server} was not reached`, { cause: error });
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer as Answer;
    const detail = (answer as Problem).detail ?? `the operator answered ${response.status}`;
    throw response.status < 500 ? new Refused(detail) : new Error(detail);
  } finally {
    await dispatcher.close();
  }
}

/** Runs a command's work; a refusal becomes a sentence and exit code 1. */
export async function refusing(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    process.stderr.write(`cairn: ${error.message}\n`);
    process.exitCode = 1;
  }
}
