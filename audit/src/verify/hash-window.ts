import { VERIFY_WINDOW_EVENTS } from '../limits.js';

const HASH_BYTES = 32;
const FIRST_CAPACITY = 64;
const UNKNOWN = Buffer.alloc(HASH_BYTES);

/** Hashes of a stream's latest events by seq; 32 bytes each. */
export class HashWindow {
  #ring = Buffer.alloc(FIRST_CAPACITY * HASH_BYTES);
  #capacity = FIRST_CAPACITY;
  /** One more than the largest seq. */
  #end = 0;

  /** `hash` in hex; undefined where it is not known. */
  set(seq: number, hash: string | undefined): void {
    while (seq >= this.#capacity && this.#capacity < VERIFY_WINDOW_EVENTS) this.#grow();
    for (let skipped = Math.max(this.#end, seq - this.#capacity); skipped < seq; skipped++) UNKNOWN.copy(this.#ring, this.#at(skipped));
    if (seq < this.#end - this.#capacity) return;
    if (hash === undefined) UNKNOWN.copy(this.#ring, this.#at(seq));
    else this.#ring.write(hash, this.#at(seq), 'hex');
    this.#end = Math.max(this.#end, seq + 1);
  }

  get(seq: number): string | undefined {
    if (!this.covers(seq)) return undefined;
    const at = this.#at(seq);
    const hash = this.#ring.subarray(at, at + HASH_BYTES);
    return hash.equals(UNKNOWN) ? undefined : hash.toString('hex');
  }

  /** Whether the window reaches back to `seq`. */
  covers(seq: number): boolean {
    return seq < this.#end && seq >= this.#end - this.#capacity;
  }

  #at(seq: number): number {
    return (seq % this.#capacity) * HASH_BYTES;
  }

  /** Only while no seq has come round yet, so places stay what they are. */
  #grow(): void {
    const ring = Buffer.alloc(this.#ring.length * 2);
    this.#ring.copy(ring);
    this.#ring = ring;
    this.#capacity *= 2;
  }
}
