/** What was appended since the last flush, as spool frames. */
import { FRAME_HEADER_BYTES, FRAME_KINDS, sealFrame } from '../spool/frame.js';

const SCRATCH_BYTES = 64 * 1024;
/** A batch beyond this gets a buffer of its own, so that one large burst does not stay in memory. */
const MAX_SCRATCH_BYTES = 1024 * 1024;

export class Batch {
  /** Lines, each ended by a newline. */
  lines = '';
  /** Events that the writer's callers appended. */
  events = 0;
  /** Frames of sealed payload records, before the lines whose seal events speak of them. */
  payloads: Buffer[] = [];
  payloadBytes = 0;
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

  addPayload(frame: Buffer): void {
    this.payloads.push(frame);
    this.payloadBytes += frame.length;
  }

  clear(): void {
    this.lines = '';
    this.events = 0;
    if (this.payloads.length === 0) return;
    this.payloads = [];
    this.payloadBytes = 0;
  }

  /** The batch's frames; valid until the next call. */
  frames(note: Buffer | undefined): Buffer[] {
    const frames = this.payloads;
    if (this.lines !== '') frames.push(this.#eventsFrame());
    if (note) frames.push(note);
    return frames;
  }

  #eventsFrame(): Buffer {
    // The newline after the last line is not part of the frame.
    const room = this.#room();
    const length = room.write(this.lines, FRAME_HEADER_BYTES) - 1;
    const frame = room.subarray(0, FRAME_HEADER_BYTES + length);
    sealFrame(frame, FRAME_KINDS.events);
    return frame;
  }

  #room(): Buffer {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    if (FRAME_HEADER_BYTES + this.lines.length * 3 <= this.#scratch.length) return this.#scratch;
    const needed = FRAME_HEADER_BYTES + Buffer.byteLength(this.lines);
    if (needed > MAX_SCRATCH_BYTES) return Buffer.allocUnsafe(needed);
    let capacity = this.#scratch.length;
    while (capacity < needed) capacity *= 2;
    if (capacity > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(capacity);
    return this.#scratch;
  }
}
