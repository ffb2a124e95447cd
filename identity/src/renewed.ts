import { RETRY_MILLISECONDS, FRESH_MILLISECONDS, STALE_MILLISECONDS } from './limits.js';
import { IdentityError } from './types.js';

/**
 * A fetched value that is renewed: in the background from FRESH on, and never believed beyond STALE. One fetch runs at a
 * time; after a failure the next waits for RETRY.
 */
export class Renewed<Value> {
  #value: Value | undefined;
  #fetched = Number.NEGATIVE_INFINITY;
  #failed = Number.NEGATIVE_INFINITY;
  #running: Promise<Value> | undefined;

  constructor(
    readonly fetchValue: () => Promise<Value>,
    /** Milliseconds. */
    readonly clock: () => number,
  ) {}

  async get(): Promise<Value> {
    const age = this.clock() - this.#fetched;
    if (this.#value === undefined || age > STALE_MILLISECONDS) return this.renew();
    if (age > FRESH_MILLISECONDS) this.renew().catch(() => undefined);
    return this.#value;
  }

  /** Fetches now, or joins the fetch that runs. */
  renew(): Promise<Value> {
    if (this.#running) return this.#running;
    if (this.clock() - this.#failed < RETRY_MILLISECONDS) {
      return Promise.reject(
        new IdentityError('unavailable', 'the identity provider did not answer a moment ago; it is asked again shortly'),
      );
    }
    this.#running = this.#fetch().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #fetch(): Promise<Value> {
    try {
      this.#value = await this.fetchValue();
      this.#fetched = this.clock();
      return this.#value;
    } catch (error) {
      this.#failed = this.clock();
      throw error;
    }
  }
}
