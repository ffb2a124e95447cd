/** Waiting for what a cluster brings about in its own time. */
import { setTimeout as delay } from 'node:timers/promises';
import { POLL_MS } from './limits.js';

/** Resolves to the first value that is neither undefined nor false. An error while looking counts as not yet, and is told at the end. */
export async function until<T>(what: string, limitMs: number, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + limitMs;
  let last: unknown;
  do {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(POLL_MS);
  } while (Date.now() < deadline);
  throw new Error(`${what}: not within ${limitMs / 1000} s${last instanceof Error ? `; ${last.message}` : ''}`, { cause: last });
}
