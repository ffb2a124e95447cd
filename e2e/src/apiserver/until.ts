/** Waits for a condition of a real cluster, which comes about in its own time. */
import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 30_000;
const POLL_MS = 50;

/** Resolves to the first value that is neither undefined nor false. Rejects, saying what did not come, with the last error. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs = TIMEOUT_MS): Promise<T> {
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
    await delay(POLL_MS);
  } while (Date.now() < deadline);
  throw new Error(`${what}: not within ${timeoutMs / 1000} s`, { cause: last });
}
