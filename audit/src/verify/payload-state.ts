/** Payload records of one stream: what the chain says of them against what is there. */
import { sha256 } from '../chain.js';
import { MAX_HELD_PAYLOADS } from '../limits.js';

interface Spoken {
  sha256: string;
  seq: number;
  event: string;
}

/** A payload record that is not what the chain says. */
export interface PayloadMismatch extends Spoken {
  record: number;
}

export class PayloadState {
  sealed = 0;
  /** Seals whose ciphertext has not come. */
  readonly #absent = new Map<number, Spoken>();
  /** SHA-256 of ciphertexts whose seal has not come. */
  readonly #early = new Map<number, string>();
  /** The latest that hold, to know them when they are delivered again. */
  readonly #held = new Map<number, Spoken>();

  get absent(): number {
    return this.#absent.size;
  }

  spoken(record: number, spoken: Spoken): PayloadMismatch | undefined {
    this.sealed += 1;
    const actual = this.#early.get(record);
    this.#early.delete(record);
    if (actual !== undefined) return this.#compare(record, actual, spoken);
    this.#absent.set(record, spoken);
    return undefined;
  }

  given(record: number, ciphertext: Uint8Array): PayloadMismatch | undefined {
    const actual = sha256(ciphertext);
    const spoken = this.#absent.get(record);
    this.#absent.delete(record);
    if (spoken) return this.#compare(record, actual, spoken);
    const held = this.#held.get(record);
    if (held) return held.sha256 === actual ? undefined : { ...held, record };
    // Of a batch that was cut off by a kill, the payload may be there without its seal.
    this.#early.set(record, actual);
    return undefined;
  }

  #compare(record: number, actual: string, spoken: Spoken): PayloadMismatch | undefined {
    this.#held.set(record, spoken);
    if (this.#held.size > MAX_HELD_PAYLOADS) this.#held.delete(this.#held.keys().next().value!);
    return actual === spoken.sha256 ? undefined : { ...spoken, record };
  }
}
