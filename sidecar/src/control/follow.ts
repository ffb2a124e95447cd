/** Asking the operator until it answers. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../config/log.js';
import { RETRY_MS } from './limits.js';
import type { OperatorClient } from './operator-client.js';
import type { Standing } from './standing.js';

/** Tries again with a growing pause until `ask` succeeds; rejects only when the signal aborts. */
export async function retried<T>(what: string, log: Log, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  let wait: number = RETRY_MS.first;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      log.warn(`${what} not received`, { reason: (error as Error).message });
      await pause(wait, undefined, { signal });
      wait = Math.min(wait * 2, RETRY_MS.most);
    }
  }
}

/**
 * Keeps the revocation list current by long poll; `changed` is told after new entries. Ends when the list can hold no more: from then
 * on nothing stands, which the operator has no answer to but a restart.
 */
export async function followRevocations(
  operator: Pick<OperatorClient, 'revocations'>,
  standing: Standing,
  changed: () => void,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && standing.problem === undefined) {
    const fresh = await retried('revocations', log, signal, () => operator.revocations(standing.last)).catch(() => []);
    for (const revocation of fresh) {
      standing.revoke(revocation);
      log.warn('launch revoked', { launch: revocation.launch, by: revocation.by });
    }
    if (fresh.length > 0) changed();
  }
  if (standing.problem !== undefined) log.error('nothing passes any more', { reason: standing.problem });
}
