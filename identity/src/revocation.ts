import { REVOCATIONS_COUNT } from './limits.js';
import { IdentityError } from './types.js';

export interface Revocation {
  /** Position in the list, from 1: what a reader asks to continue after. */
  number: number;
  /** Launch id; everything below it is revoked too. */
  launch: string;
  /** RFC 3339. */
  time: string;
  /** Name of who revoked it. */
  by: string;
  reason?: string;
}

/** Revoked launches. A launch is revoked with the whole tree below it, which its own token tells: it names its ancestors. */
export class RevocationList {
  readonly #launches = new Map<string, Revocation>();
  #last = 0;

  constructor(readonly limit: number = REVOCATIONS_COUNT) {}

  /** Number of the newest entry; 0 while there is none. */
  get last(): number {
    return this.#last;
  }

  /** Takes an entry over. Throws IdentityError `unavailable` at the limit: forgetting an older one would bring it back to life. */
  add(revocation: Revocation): void {
    if (this.#launches.size >= this.limit && !this.#launches.has(revocation.launch)) {
      throw new IdentityError(
        'unavailable',
        `the revocation list holds its limit of ${this.limit} launches; rotate the signing keys and start it anew`,
      );
    }
    if (!this.#launches.has(revocation.launch)) this.#launches.set(revocation.launch, revocation);
    this.#last = Math.max(this.#last, revocation.number);
  }

  /** Drops an entry whose launch, and everything below it, can act no more. */
  forget(launch: string): void {
    this.#launches.delete(launch);
  }

  get(launch: string): Revocation | undefined {
    return this.#launches.get(launch);
  }

  after(number: number): Revocation[] {
    return [...this.#launches.values()].filter((each) => each.number > number);
  }

  revokes(node: { launch: { id: string }; ancestors: readonly string[] }): boolean {
    return this.find(node) !== undefined;
  }

  /** The entry that revokes the launch: its own, or that of the nearest launch above it. */
  find({ launch, ancestors }: { launch: { id: string }; ancestors: readonly string[] }): Revocation | undefined {
    if (this.#launches.size === 0) return undefined;
    const own = this.#launches.get(launch.id);
    if (own) return own;
    const above = ancestors.findLast((id) => this.#launches.has(id));
    return above === undefined ? undefined : this.#launches.get(above);
  }
}
