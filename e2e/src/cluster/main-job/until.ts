/** Waiting for what a cluster brings about in its own time, looked at by kubectl or in a ledger. */
import { until as eventually } from '../../harness/until.js';
import { POLL_MS } from './limits.js';

/** Resolves to the first value that is neither undefined nor false. An error while looking counts as not yet, and is told at the end. */
export function until<T>(what: string, limitMs: number, look: () => Promise<T | undefined | false>): Promise<T> {
  return eventually(what, look, limitMs, POLL_MS);
}
