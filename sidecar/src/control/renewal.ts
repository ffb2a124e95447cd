/** Keeps launch tokens that are in use from expiring: a pod lives, and a request may be served, for longer than a token. */
import { setTimeout as pause } from 'node:timers/promises';
import { IdentityError, type LaunchIdentity } from '@cairn/identity';
import type { ContextIdentity, Contexts } from '../attribute/contexts.js';
import type { Log } from '../config/log.js';
import type { Launches } from './launches.js';
import { RENEWAL_LOOK_MS } from './limits.js';

export interface Renewal {
  launches: Pick<Launches, 'of' | 'renewed'>;
  contexts: Pick<Contexts, 'identities' | 'renew'>;
  /** The pod's own launch follows from its grant. */
  grant: string | undefined;
  own: { launch: ContextIdentity | undefined };
  log: Log;
}

/** Looks for tokens that expire soon until the signal aborts. */
export async function renewTokens(renewal: Renewal, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await renewDue(renewal);
    await pause(RENEWAL_LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** One look. What fails is said and tried again at the next. */
export async function renewDue({ launches, contexts, grant, own, log }: Renewal): Promise<void> {
  const served = [...contexts.identities()].map((identity) => renewServed(launches, contexts, identity, log));
  await Promise.all([...served, grant === undefined ? undefined : renewOwn(launches, grant, own, log)]);
}

async function renewServed(
  launches: Renewal['launches'],
  contexts: Renewal['contexts'],
  identity: LaunchIdentity,
  log: Log,
): Promise<void> {
  try {
    const token = await launches.renewed(identity);
    if (token !== undefined) contexts.renew(identity, token);
  } catch (error) {
    log.warn('launch token not renewed', { launch: identity.launch.id, reason: (error as Error).message });
  }
}

/**
 * A grant that no longer holds launches nothing more: the pod then acts for nobody, which policies deny. While nobody can be
 * asked, or the launch is revoked (which is refused by itself), it stays who it was.
 */
async function renewOwn(launches: Renewal['launches'], grant: string, own: Renewal['own'], log: Log): Promise<void> {
  try {
    own.launch = await launches.of(grant, 'grant');
  } catch (error) {
    if (error instanceof IdentityError && (error.code === 'unavailable' || error.code === 'revoked')) return;
    if (own.launch) log.error("the pod's own launch is refused; it acts for nobody from now on", { reason: (error as Error).message });
    own.launch = undefined;
  }
}
