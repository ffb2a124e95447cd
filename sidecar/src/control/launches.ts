/** Launch tokens of this pod: one per token that a caller presented, renewed before they expire, and the pod's own. */
import { hash } from 'node:crypto';
import { IdentityError, type LaunchVerifier, type RevocationList } from '@cairn/identity';
import type { ContextIdentity } from '../attribute/contexts.js';
import { MAX_LAUNCHES, RENEW_BEFORE_SECONDS } from './limits.js';
import { OperatorError, type OperatorClient } from './operator-client.js';

interface Held {
  identity: Promise<ContextIdentity & { expires: number }>;
  /** Seconds since the epoch; 0 while it is being asked for. */
  expires: number;
}

export class Launches {
  readonly #held = new Map<string, Held>();

  constructor(
    private readonly operator: OperatorClient,
    private readonly verifier: LaunchVerifier,
    readonly revocations: RevocationList,
    /** Milliseconds since the epoch. */
    private readonly now: () => number,
  ) {}

  /** This pod's launch for a presented token. Throws IdentityError: what does not hold, or `unavailable`. */
  async of(token: string, kind: 'oidc' | 'launch' | 'grant'): Promise<ContextIdentity> {
    const key = hash('sha256', token, 'base64');
    let held = this.#held.get(key);
    if (!held || (held.expires > 0 && held.expires - RENEW_BEFORE_SECONDS < this.now() / 1000)) {
      held = this.#ask(token, kind, key);
    }
    const identity = await held.identity;
    const { launch } = identity.identity;
    if (this.revocations.get(launch.id) || this.revocations.get(launch.chain)) {
      throw new IdentityError('revoked', `launch ${launch.id} was revoked`);
    }
    return identity;
  }

  #ask(token: string, kind: 'oidc' | 'launch' | 'grant', key: string): Held {
    if (this.#held.size >= MAX_LAUNCHES) this.#held.delete(this.#held.keys().next().value!);
    const held: Held = { identity: this.#exchange(token, kind), expires: 0 };
    this.#held.set(key, held);
    held.identity.then(
      ({ expires }) => (held.expires = expires),
      () => this.#held.delete(key),
    );
    return held;
  }

  async #exchange(subject: string, kind: 'oidc' | 'launch' | 'grant'): Promise<ContextIdentity & { expires: number }> {
    try {
      const { token } = await this.operator.exchange(subject, kind);
      const { root, launch, expires } = await this.verifier.verify(token);
      return { identity: { root, launch }, token, expires };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      // 4xx says that the token does not hold; anything else that nobody could tell.
      const refused = error.status >= 400 && error.status < 500;
      throw new IdentityError(refused ? 'claims' : 'unavailable', error.message, { cause: error });
    }
  }
}
