import { ASSERTION_REPLAYS } from '../limits.js';
import { IdentityError } from '../types.js';

/**
 * Remembers what may be used once. Behind it stands this process's memory, or a store that all replicas share, such as an
 * object created under a name made of the key: creating it twice fails.
 */
export interface OneTimeUse {
  /**
   * Uses `key` up until `expires` (seconds since the epoch). Resolves to false where it was used before. Throws
   * IdentityError `unavailable` where that cannot be told.
   */
  use(key: string, expires: number): boolean | Promise<boolean>;
}

/** In memory, for one replica. Nothing is forgotten before it expires: at the limit new keys are refused. */
export class UsedOnce implements OneTimeUse {
  readonly #used = new Map<string, number>();

  constructor(
    /** Milliseconds. */
    readonly clock: () => number = Date.now,
    readonly limit: number = ASSERTION_REPLAYS,
  ) {}

  use(key: string, expires: number): boolean {
    if (this.#used.size >= this.limit) this.#forget(this.clock() / 1000);
    if (this.#used.has(key)) return false;
    if (this.#used.size >= this.limit) {
      throw new IdentityError(
        'unavailable',
        `${this.limit} assertions are in use at the moment, which is the limit; try again in some minutes`,
      );
    }
    this.#used.set(key, expires);
    return true;
  }

  #forget(now: number): void {
    for (const [key, expires] of this.#used) if (expires <= now) this.#used.delete(key);
  }
}
