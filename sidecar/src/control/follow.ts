/** Asking the operator until it answers. */
import { setTimeout as pause } from 'node:timers/promises';
import type { RevocationList } from '@cairn/identity';
import type { Log } from '../config/log.js';
import { RETRY_MS } from './limits.js';
import type { OperatorClient } from './operator-client.js';

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

/** Keeps the revocation list current by long poll; `revoked` is told of every new entry. */
export async function followRevocations(
  operator: OperatorClient,
  list: RevocationList,
  revoked: (launch: string) => void,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const fresh = await retried('revocations', log, signal, () => operator.revocations(list.last)).catch(() => []);
    for (const revocation of fresh) {
      list.add(revocation);
      revoked(revocation.launch);
    }
  }
}
