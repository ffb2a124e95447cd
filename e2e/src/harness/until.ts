/** Waits for a condition of a real cluster, which comes about in its own time. */
import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 30_000;
/** Where each look costs little; a look by kubectl or at a ledger wants more. */
const POLL_MS = 50;

/** Resolves to the first value that is neither undefined nor false. Rejects, saying what did not come, with the last error. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  timeoutMs = TIMEOUT_MS,
  pollMs = POLL_MS,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(pollMs);
  } while (Date.now() < deadline);
  throw new Error(`${what}: not within ${timeoutMs / 1000} s${last instanceof Error ? `; ${last.message}` : ''}`, { cause: last });
}
