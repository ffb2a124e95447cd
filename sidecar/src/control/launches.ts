/** Launch tokens of this pod: one per token that a caller presented, renewed before they expire, and the pod's own. */
import { hash } from 'node:crypto';
import { IdentityError, type LaunchIdentity, type LaunchVerifier } from '@cairn/identity';
import type { ContextIdentity } from '../attribute/contexts.js';
import { MAX_LAUNCHES, RENEW_BEFORE_SECONDS } from './limits.js';
import { OperatorError, type OperatorClient } from './operator-client.js';
import type { Standing } from './standing.js';

interface Exchanged extends ContextIdentity {
  expires: number;
}

interface Held {
  identity: Promise<Exchanged>;
  /** Seconds since the epoch; 0 while it is being asked for. */
  expires: number;
}

export class Launches {
  readonly #held = new Map<string, Held>();
  /** What each identity's token is now. */
  readonly #tokens = new WeakMap<LaunchIdentity, Exchanged>();

  constructor(
    private readonly operator: OperatorClient,
    private readonly verifier: LaunchVerifier,
    private readonly standing: Standing,
    /** Milliseconds since the epoch. */
    private readonly now: () => number,
  ) {}

  /** This pod's launch for a presented token. Throws IdentityError: what does not hold, or `unavailable`. */
  async of(token: string, kind: 'oidc' | 'launch' | 'grant'): Promise<ContextIdentity> {
    // The same text may be presented as another kind of token, which it then has to be.
    const key = `${kind} ${hash('sha256', token, 'base64')}`;
    let held = this.#held.get(key);
    if (!held || (held.expires > 0 && held.expires - RENEW_BEFORE_SECONDS < this.now() / 1000)) {
      held = this.#ask(token, kind, key);
    }
    const exchanged = await held.identity;
    const refusal = this.standing.refusal(exchanged.identity);
    if (refusal !== undefined) throw new IdentityError(this.standing.problem === undefined ? 'revoked' : 'unavailable', refusal);
    return exchanged;
  }

  /** A fresh token for a launch of this pod whose token expires soon; undefined where that is not so. Throws OperatorError, IdentityError. */
  async renewed(identity: LaunchIdentity): Promise<string | undefined> {
    const exchanged = this.#tokens.get(identity);
    if (!exchanged || exchanged.expires - RENEW_BEFORE_SECONDS >= this.now() / 1000) return undefined;
    const { token } = await this.operator.exchange(exchanged.token, 'launch', 'renew');
    const { expires } = await this.verifier.verify(token);
    this.#tokens.set(identity, { identity, token, expires });
    return token;
  }

  #ask(token: string, kind: 'oidc' | 'launch' | 'grant', key: string): Held {
    if (this.#held.size >= MAX_LAUNCHES) this.#held.delete(this.#held.keys().next().value!);
    const held: Held = { identity: this.#exchange(token, kind), expires: 0 };
    this.#held.set(key, held);
    held.identity.then(
      ({ expires }) => (held.expires = expires),
      () => {
        if (this.#held.get(key) === held) this.#held.delete(key);
      },
    );
    return held;
  }

  async #exchange(subject: string, kind: 'oidc' | 'launch' | 'grant'): Promise<Exchanged> {
    try {
      const { token } = await this.operator.exchange(subject, kind);
      const { root, launch, ancestors, expires } = await this.verifier.verify(token);
      const identity = { root, launch };
      this.standing.know(identity, ancestors);
      const exchanged = { identity, token, expires };
      this.#tokens.set(identity, exchanged);
      return exchanged;
    } catch (error) {
      if (error instanceof IdentityError) throw error;
      // What this pod lacks (its workload token) or cannot read (an answer that is no JSON) says nothing of the token.
      if (!(error instanceof OperatorError)) {
        throw new IdentityError('unavailable', 'the launch could not be asked for: the exchange with the operator failed', {
          cause: error,
        });
      }
      // 4xx says that the token does not hold; anything else that nobody could tell.
      const refused = error.status >= 400 && error.status < 500;
      throw new IdentityError(refused ? 'claims' : 'unavailable', error.message, { cause: error });
    }
  }
}
