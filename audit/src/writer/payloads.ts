/** The payload side of a batch: gathers plaintext, seals it record by record into spool frames. */
import type { PayloadReference } from '../event.js';
import { sha256 } from '../chain.js';
import { MAX_RECORD_BYTES } from '../limits.js';
import { sealPayload } from '../seal/payload.js';
import { FRAME_HEADER_BYTES, FRAME_KINDS, sealFrame } from '../spool/frame.js';

const FIRST_BUFFER_BYTES = 16 * 1024;
const RECORD_HEADER_BYTES = FRAME_HEADER_BYTES + 4;

export interface SealedRecord {
  frame: Buffer;
  record: number;
  /** Bytes of the ciphertext with its tag. */
  size: number;
  /** Hex, over those bytes. */
  sha256: string;
}

export class PayloadRecords {
  readonly #key: Buffer;
  readonly #stream: string;
  #plain: Buffer = Buffer.alloc(0);
  #length = 0;
  /** Never taken back, not even when a batch fails: the record number is the nonce. */
  #record = 0;

  constructor(key: Buffer, stream: string) {
    this.#key = key;
    this.#stream = stream;
  }

  get open(): boolean {
    return this.#length > 0;
  }

  /** Whether `length` more bytes stay within the open record; an empty one takes the beginning of anything. */
  fits(length: number): boolean {
    return this.#length === 0 || this.#length + length <= MAX_RECORD_BYTES;
  }

  /** Members in canonical order, so that JSON.stringify gives canonical JSON. */
  reference(length: number, type: string): PayloadReference {
    return { length, offset: this.#length, record: this.#record, type };
  }

  /** Takes what fits of `part` from `from` on; returns how many bytes that was. */
  add(part: Uint8Array, from: number): number {
    const count = Math.min(part.length - from, MAX_RECORD_BYTES - this.#length);
    this.#reserve(this.#length + count);
    this.#plain.set(from === 0 && count === part.length ? part : part.subarray(from, from + count), this.#length);
    this.#length += count;
    return count;
  }

  seal(): SealedRecord {
    const record = this.#record++;
    const [ciphertext, tag] = sealPayload(this.#key, this.#stream, record, this.#plain.subarray(0, this.#length));
    const frame = Buffer.allocUnsafe(RECORD_HEADER_BYTES + ciphertext.length + tag.length);
    frame.writeUInt32BE(record, FRAME_HEADER_BYTES);
    frame.set(ciphertext, RECORD_HEADER_BYTES);
    frame.set(tag, RECORD_HEADER_BYTES + ciphertext.length);
    sealFrame(frame, FRAME_KINDS.payload);
    this.#length = 0;
    return { frame, record, size: ciphertext.length + tag.length, sha256: sha256(frame.subarray(RECORD_HEADER_BYTES)) };
  }

  /** Forgets the open record's plaintext, and its number. */
  discard(): void {
    if (this.#length === 0) return;
    this.#length = 0;
    this.#record += 1;
  }

  #reserve(length: number): void {
    if (length <= this.#plain.length) return;
    let capacity = Math.max(FIRST_BUFFER_BYTES, this.#plain.length);
    while (capacity < length) capacity *= 2;
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.#plain.subarray(0, this.#length));
    this.#plain = grown;
  }
}
