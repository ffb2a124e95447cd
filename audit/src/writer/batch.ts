/** What was appended since the last flush, as spool frames. */
import { OPEN } from '../chain.js';
import { FRAME_HEADER_BYTES, FRAME_KINDS, sealFrame } from '../spool/frame.js';

const SCRATCH_BYTES = 256 * 1024;
/** `"hash":"` + 64 hex digits + `",` and a newline. */
const HASH_BYTES = 75;

export class Batch {
  /** Events that the writer's callers appended. */
  events = 0;
  /** Frames of sealed payload records, before the lines whose seal events speak of them. */
  payloads: Buffer[] = [];
  payloadBytes = 0;
  /** Room for the frame's header, then lines, each ended by a newline. */
  #lines = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #end = FRAME_HEADER_BYTES;

  /** Bytes of the lines so far. */
  get lineBytes(): number {
    return this.#end - FRAME_HEADER_BYTES;
  }

  /**
   * Adds one line: the text that was hashed, with the hash put in where it belongs. Hashing has made `hashed` flat, so
   * that its two halves are plain copies; a line is never built as a string of its own.
   */
  addLine(hashed: string, head: number, digest: string): void {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.#reserve(hashed.length * 3 + HASH_BYTES);
    const lines = this.#lines;
    const cut = head + OPEN.length;
    let end = this.#end;
    end += lines.write(hashed.slice(0, cut), end);
    end += lines.write(`"hash":"${digest}",`, end, 'latin1');
    end += lines.write(hashed.slice(cut), end);
    lines[end] = 0x0a;
    this.#end = end + 1;
  }

  addPayload(frame: Buffer): void {
    this.payloads.push(frame);
    this.payloadBytes += frame.length;
  }

  clear(): void {
    this.#end = FRAME_HEADER_BYTES;
    this.events = 0;
    // One large burst does not stay in memory.
    if (this.#lines.length > SCRATCH_BYTES) this.#lines = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
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

  #eventsFrame(): Buffer {
    // The newline after the last line is not part of the frame.
    const frame = this.#lines.subarray(0, this.#end - 1);
    sealFrame(frame, FRAME_KINDS.events);
    return frame;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#lines.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#lines.length * 2, this.#end + bytes));
    this.#lines.copy(grown, 0, 0, this.#end);
    this.#lines = grown;
  }
}
