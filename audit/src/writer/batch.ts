/** What was appended since the last flush, as spool frames. */
import { OPEN, sha256 } from '../chain.js';
import { MAX_LINE_BYTES } from '../limits.js';
import { FRAME_HEADER_BYTES, FRAME_KINDS, sealFrame } from '../spool/frame.js';

const SCRATCH_BYTES = 256 * 1024;
/** `"hash":"` + 64 hex digits + `",`. */
const HASH_BYTES = 74;
/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/** The encoders behind Buffer.write(), without its handling of optional arguments. */
type FastBuffer = Buffer & { utf8Write(text: string, offset: number): number; latin1Write(text: string, offset: number): number };

export class Batch {
  /** Events that the writer's callers appended. */
  events = 0;
  /** Frames of sealed payload records, before the lines whose seal events speak of them. */
  payloads: Buffer[] = [];
  payloadBytes = 0;
  /** Lines, each ended by a newline. One string for all: it is encoded once, when the batch is written. */
  #lines = '';
  /** Room for the frame's header, then the lines. */
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES) as FastBuffer;

  /** UTF-16 units of the lines so far: never more than their bytes. */
  get length(): number {
    return this.#lines.length;
  }

  /** Adds one line and returns its hash. Throws RangeError, and adds nothing, when the line is too long. */
  addLine(head: string, link: string, tail: string): string {
    const open = head + OPEN;
    const rest = link + tail;
    checkLength(open, rest);
    const digest = sha256(open + rest);
    this.#lines += `${open}"hash":"${digest}",${rest}\n`;
    return digest;
  }

  addPayload(frame: Buffer): void {
    this.payloads.push(frame);
    this.payloadBytes += frame.length;
  }

  clear(): void {
    this.#lines = '';
    this.events = 0;
    // One large burst does not stay in memory.
    if (this.#scratch.length > SCRATCH_BYTES) this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES) as FastBuffer;
    if (this.payloads.length === 0) return;
    this.payloads = [];
    this.payloadBytes = 0;
  }

  /** The batch's frames; valid until the batch is cleared. */
  frames(note: Buffer | undefined): Buffer[] {
    const frames = this.payloads;
    if (this.#lines !== '') frames.push(this.#eventsFrame());
    if (note) frames.push(note);
    return frames;
  }

  #eventsFrame(): Buffer {
    const lines = this.#lines;
    const bytes = Buffer.byteLength(lines);
    const end = FRAME_HEADER_BYTES + bytes;
    if (end > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(end) as FastBuffer;
    // Where no character takes more than a byte, the text is copied as it lies in memory.
    if (bytes === lines.length) this.#scratch.latin1Write(lines, FRAME_HEADER_BYTES);
    else this.#scratch.utf8Write(lines, FRAME_HEADER_BYTES);
    // The newline after the last line is not part of the frame.
    const frame = this.#scratch.subarray(0, end - 1);
    sealFrame(frame, FRAME_KINDS.events);
    return frame;
  }
}

/** Counts bytes only where the units leave a doubt. */
function checkLength(open: string, rest: string): void {
  if ((open.length + rest.length) * BYTES_PER_UNIT + HASH_BYTES <= MAX_LINE_BYTES) return;
  const bytes = Buffer.byteLength(open) + Buffer.byteLength(rest) + HASH_BYTES;
  if (bytes <= MAX_LINE_BYTES) return;
  throw new RangeError(`an event of ${bytes} bytes is over the limit of ${MAX_LINE_BYTES}; its bodies belong into payload records`);
}
