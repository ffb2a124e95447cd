/** Bodies of exchanges: counted, hashed, and kept for the seal up to a cap. */
import { createHash, hash, type Hash } from 'node:crypto';
import type { Body, PayloadReference, StreamWriter } from '@cairn/audit';
import type { BodyCapture } from './exchange.js';

export interface CaptureOptions {
  keep: boolean;
  maxBytes: number;
  type: string;
}

/**
 * A body that ends within the turn it began in is hashed with one call and sealed as one piece; a longer one is hashed as
 * it passes and each turn's bytes join that turn's payload record, so that memory stays flat.
 */
export class StreamBody implements BodyCapture {
  #size = 0;
  #held = 0;
  #first: Uint8Array | undefined;
  #hash: Hash | undefined;
  #payload: PayloadReference[] | undefined;

  constructor(
    private readonly stream: Pick<StreamWriter, 'payload'>,
    private readonly options: CaptureOptions,
  ) {}

  add(chunk: Uint8Array): void {
    this.addChanged(chunk, chunk);
  }

  addChanged(original: Uint8Array, forwarded: Uint8Array): void {
    if (forwarded.length > 0) this.#digest(forwarded);
    this.#size += forwarded.length;
    if (this.options.keep && original.length > 0) this.#keep(original);
  }

  finish(): Body {
    const body: Body = { size: this.#size };
    if (this.#hash) body.sha256 = this.#hash.digest('hex');
    else if (this.#first) body.sha256 = hash('sha256', this.#first, 'hex');
    if (this.#payload) body.payload = this.#payload;
    if (this.options.keep && this.#held > this.options.maxBytes) body.truncated = true;
    this.#first = undefined;
    return body;
  }

  #digest(chunk: Uint8Array): void {
    if (this.#hash) this.#hash.update(chunk);
    else if (this.#first) {
      this.#hash = createHash('sha256').update(this.#first).update(chunk);
      this.#first = undefined;
    } else this.#first = chunk;
  }

  #keep(original: Uint8Array): void {
    const room = this.options.maxBytes - this.#held;
    this.#held += original.length;
    if (room <= 0) return;
    const reference = this.stream.payload([room < original.length ? original.subarray(0, room) : original], this.options.type);
    if (!reference) return;
    const last = this.#payload?.at(-1);
    // Pieces of one turn lie side by side in one record.
    if (last && last.record === reference.record && last.offset + last.length === reference.offset) last.length += reference.length;
    else (this.#payload ??= []).push(reference);
  }
}
