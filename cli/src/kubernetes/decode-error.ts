import { MAX_VALUES } from './limits.js';

/** A body that cannot be shown decoded: its message goes on behind "it". */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** Counts the values of one body. */
export class ValueCount {
  #values = 0;

  /** Throws DecodeError beyond MAX_VALUES. */
  add(): void {
    if (++this.#values > MAX_VALUES) throw new DecodeError(`holds more than ${MAX_VALUES} values`);
  }
}
