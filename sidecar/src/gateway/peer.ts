/** Who a hop acts for, as its sidecar says it in order and the operator's signatures prove it. */
import { IdentityError, type LaunchIdentity, type LaunchVerifier, type PodReference } from '@cairn/identity';
import type { Attribution, AttributionHint } from '../attribute/attribution.js';
import { Contexts, type ContextIdentity } from '../attribute/contexts.js';
import type { Standing } from '../control/standing.js';
import type { Control } from '../hop/control.js';
import { HopError } from '../hop/frame.js';
import { MAX_HOP_LAUNCHES } from '../hop/limits.js';
import { TOKEN_LEEWAY_SECONDS } from './limits.js';

interface KnownLaunch extends ContextIdentity {
  /** Seconds since the epoch. */
  expires: number;
}

export interface PeerServices {
  verifier: LaunchVerifier;
  standing: Standing;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

export class Peer {
  readonly #launches: KnownLaunch[] = [];
  readonly #expiries = new WeakMap<LaunchIdentity, KnownLaunch>();
  #own: KnownLaunch | undefined;
  readonly #options = { serves: false, own: () => this.#own };
  readonly #contexts = new Contexts(this.#options);
  #cause: string | undefined;
  /** The attribution that was completed last, and what of it was made. */
  #completed: { from: Attribution; to: Attribution } | undefined;

  constructor(
    private readonly services: PeerServices,
    private readonly pod: PodReference,
  ) {}

  /** Throws IdentityError for a token that does not hold, HopError for what no sidecar of ours says. */
  tell(control: Exclude<Control, { type: 'leaf' }>): void | Promise<void> {
    switch (control.type) {
      case 'launch':
        return this.#launch(control.number, control.token);
      case 'own':
        this.#own = control.launch === null ? undefined : this.#numbered(control.launch);
        return;
      case 'open':
        return this.#open(control);
      case 'close':
        return this.#contexts.close(control.handle);
      case 'start':
        this.#options.serves = control.serves;
        this.#cause = control.cause;
        return;
      default:
        return control satisfies never;
    }
  }

  /** The ladder over the sidecar's contexts. Whose token expired without a new one acts for nobody. */
  attribute(hint: AttributionHint): Attribution {
    const found = this.#contexts.attribute(hint);
    if (found.identity && this.#expired(found.identity)) return { ...found, method: 'none', identity: undefined, token: undefined };
    if (found.cause !== undefined || this.#cause === undefined) return found;
    if (this.#completed?.from !== found) this.#completed = { from: found, to: { ...found, cause: this.#cause } };
    return this.#completed.to;
  }

  #expired(identity: LaunchIdentity): boolean {
    const known = this.#expiries.get(identity);
    return known !== undefined && known.expires + TOKEN_LEEWAY_SECONDS < this.services.clock() / 1000;
  }

  #numbered(number: number): KnownLaunch {
    const known = this.#launches[number];
    if (!known) throw new HopError(`launch number ${number}, which was not told`);
    return known;
  }

  #open({ handle, launch, traceparent, cause }: Extract<Control, { type: 'open' }>): void {
    const known = launch === null ? undefined : this.#numbered(launch);
    const opened = this.#contexts.open({
      identity: known?.identity,
      token: known?.token,
      traceparent: traceparent ?? undefined,
      cause,
      handle,
    });
    if (opened === undefined) throw new HopError('more open contexts than a pod may have');
  }

  async #launch(number: number, token: string): Promise<void> {
    const { verifier, standing } = this.services;
    const { root, launch, ancestors, pod, expires } = await verifier.verify(token);
    if (pod.uid !== this.pod.uid) throw new IdentityError('claims', 'the launch token was minted for another pod than the certificate');
    const known = this.#launches[number];
    if (known) {
      if (known.identity.launch.id !== launch.id) throw new HopError(`launch number ${number} became another launch`);
      known.token = token;
      known.expires = expires;
      return this.#contexts.renew(known.identity, token);
    }
    if (number !== this.#launches.length || number >= MAX_HOP_LAUNCHES) throw new HopError(`launch number ${number} out of order`);
    const identity = { root, launch };
    standing.know(identity, ancestors);
    const added = { identity, token, expires };
    this.#launches.push(added);
    this.#expiries.set(identity, added);
  }
}
