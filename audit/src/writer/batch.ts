/** What was appended since the last flush, as spool frames. */
import { hash } from 'node:crypto';
import { OPEN } from '../chain.js';
import { MAX_LINE_BYTES } from '../limits.js';
import { FRAME_HEADER_BYTES, FRAME_KINDS, sealFrame } from '../spool/frame.js';
import type { Pieces } from '../stream.js';

const SCRATCH_BYTES = 256 * 1024;
/** `"hash":"` + 64 hex digits + `",`. */
const HASH_BYTES = 74;
const OPEN_BYTES = Buffer.from(OPEN);

/** The encoders behind Buffer.write(), without its handling of optional arguments. */
type FastBuffer = Buffer & { utf8Write(text: string, offset: number): number; latin1Write(text: string, offset: number): number };

export class Batch {
  /** Events that the writer's callers appended. */
  events = 0;
  /** Frames of sealed payload records, before the lines whose seal events speak of them. */
  payloads: Buffer[] = [];
  payloadBytes = 0;
  /** Room for the frame's header, then lines, each ended by a newline. */
  #lines = Buffer.allocUnsafeSlow(SCRATCH_BYTES) as FastBuffer;
  #end = FRAME_HEADER_BYTES;

  /** Bytes of the lines so far. */
  get lineBytes(): number {
    return this.#end - FRAME_HEADER_BYTES;
  }

  /**
   * Adds one line and returns its hash. The text is written once, without its hash, which is taken over those bytes and then
   * put in where it belongs: no line is ever a string. Throws RangeError, and adds nothing, when the line is too long.
   */
  addLine(head: string | Pieces, link: string, tail: string | Pieces): string {
    const start = this.#end;
    this.#add(head);
    this.#bytes(OPEN_BYTES);
    const cut = this.#end;
    this.#text(link);
    this.#add(tail);
    const bytes = this.#end - start + HASH_BYTES;
    if (bytes > MAX_LINE_BYTES) {
      this.#end = start;
      throw new RangeError(`an event of ${bytes} bytes is over the limit of ${MAX_LINE_BYTES}; its bodies belong into payload records`);
    }
    const digest = hash('sha256', this.#lines.subarray(start, this.#end), 'hex');
    this.#reserve(HASH_BYTES + 1);
    const lines = this.#lines;
    lines.copyWithin(cut + HASH_BYTES, cut, this.#end);
    lines.latin1Write(`"hash":"${digest}",`, cut);
    lines[this.#end + HASH_BYTES] = 0x0a;
    this.#end += HASH_BYTES + 1;
    return digest;
  }

  addPayload(frame: Buffer): void {
    this.payloads.push(frame);
    this.payloadBytes += frame.length;
  }

  clear(): void {
    this.#end = FRAME_HEADER_BYTES;
    this.events = 0;
    // One large burst does not stay in memory.
    if (this.#lines.length > SCRATCH_BYTES) this.#lines = Buffer.allocUnsafeSlow(SCRATCH_BYTES) as FastBuffer;
    if (this.payloads.length === 0) return;
    this.payloads = [];
    this.payloadBytes = 0;
  }

  /** The batch's frames; valid until the batch is cleared. */
  frames(note: Buffer | undefined): Buffer[] {
    const frames = this.payloads;
    if (this.lineBytes > 0) frames.push(this.#eventsFrame());
    if (note) frames.push(note);
    return frames;
  }

  #add(pieces: string | Pieces): void {
    if (typeof pieces === 'string') return this.#text(pieces);
    for (const piece of pieces) {
      if (typeof piece === 'string') this.#text(piece);
      else this.#bytes(piece);
    }
  }

  #text(text: string): void {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.#reserve(text.length * 3);
    this.#end += this.#lines.utf8Write(text, this.#end);
  }

  #bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#lines.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #eventsFrame(): Buffer {
    // The newline after the last line is not part of the frame.
    const frame = this.#lines.subarray(0, this.#end - 1);
    sealFrame(frame, FRAME_KINDS.events);
    return frame;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#lines.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#lines.length * 2, this.#end + bytes)) as FastBuffer;
    this.#lines.copy(grown, 0, 0, this.#end);
    this.#lines = grown;
  }
}
