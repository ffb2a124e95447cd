/**
 * Frames of a hop, after the upgrade: one byte of kind, three of length, then the payload. Data is handed on in the pieces that
 * arrived; control messages are put together. Pure.
 */
import { MAX_CONTROL_BYTES, MAX_FRAME_BYTES } from './limits.js';

export type Frame =
  /** Bytes of the connection. */
  | { kind: 'data'; bytes: Buffer }
  /** No more data in this direction. */
  | { kind: 'end' }
  /** Sidecar to gateway: JSON. */
  | { kind: 'control'; text: string }
  /** Gateway to sidecar: bytes of the agent that begin something else, to be routed anew. */
  | { kind: 'back'; bytes: Buffer };

export class HopError extends Error {
  override readonly name = 'HopError';
}

const KINDS = ['data', 'end', 'control', 'back'] as const;
type Kind = (typeof KINDS)[number];
const HEAD_BYTES = 4;
const MOST: Record<Kind, number> = { data: MAX_FRAME_BYTES, end: 0, control: MAX_CONTROL_BYTES, back: MAX_FRAME_BYTES };

/** What goes out for a payload: head and bytes, several frames where it is long. Throws HopError for a control message over the limit. */
export function framed(kind: Kind, payload: Uint8Array = EMPTY): Uint8Array[] {
  if (kind === 'control' && payload.length > MAX_CONTROL_BYTES) {
    throw new HopError(`a control message of ${payload.length} bytes, over the limit of ${MAX_CONTROL_BYTES}`);
  }
  const parts: Uint8Array[] = [];
  let at = 0;
  do {
    const part = payload.subarray(at, at + MAX_FRAME_BYTES);
    const head = Buffer.allocUnsafe(HEAD_BYTES);
    head.writeUInt32BE(part.length);
    head[0] = KINDS.indexOf(kind);
    parts.push(head);
    if (part.length > 0) parts.push(part);
    at += MAX_FRAME_BYTES;
  } while (at < payload.length);
  return parts;
}

const EMPTY = new Uint8Array();

export class FrameReader {
  readonly #chunks: Buffer[] = [];
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #kind: Kind | undefined;
  /** Bytes of the payload that are still to come. */
  #left = 0;
  #control: Buffer[] = [];

  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** The next frame, or piece of data; undefined until more arrives. Throws HopError. */
  next(): Frame | undefined {
    for (;;) {
      if (this.#kind === undefined && !this.#readHead()) return undefined;
      const kind = this.#kind!;
      if (this.#left === 0) {
        this.#kind = undefined;
        if (kind === 'end') return { kind };
        if (kind === 'control') return { kind, text: this.#controlText() };
        continue;
      }
      const bytes = this.#take(this.#left);
      if (!bytes) return undefined;
      this.#left -= bytes.length;
      if (kind === 'control') this.#control.push(bytes);
      else if (kind !== 'end') return { kind, bytes };
    }
  }

  #readHead(): boolean {
    while (this.#headBytes < HEAD_BYTES) {
      const bytes = this.#take(HEAD_BYTES - this.#headBytes);
      if (!bytes) return false;
      bytes.copy(this.#head, this.#headBytes);
      this.#headBytes += bytes.length;
    }
    this.#headBytes = 0;
    const kind = KINDS[this.#head[0]!];
    const length = this.#head.readUIntBE(1, 3);
    if (kind === undefined) throw new HopError(`a frame of the unknown kind ${this.#head[0]}: the other end speaks another version`);
    if (length > MOST[kind]) throw new HopError(`a frame ${kind} of ${length} bytes, over the limit of ${MOST[kind]}`);
    this.#kind = kind;
    this.#left = length;
    return true;
  }

  #take(most: number): Buffer | undefined {
    const chunk = this.#chunks[0];
    if (!chunk) return undefined;
    if (chunk.length <= most) return this.#chunks.shift();
    this.#chunks[0] = chunk.subarray(most);
    return chunk.subarray(0, most);
  }

  #controlText(): string {
    const text = Buffer.concat(this.#control).toString('utf8');
    this.#control = [];
    return text;
  }
}
