/** What was appended since the last flush, as spool frames. */
import { OPEN, linkText, sha256 } from '../chain.js';
import { MAX_LINE_BYTES } from '../limits.js';
import type { LateEvent } from '../stream.js';
import { FRAME_HEADER_BYTES, FRAME_KINDS, sealFrame } from '../spool/frame.js';

const SCRATCH_BYTES = 256 * 1024;
/** What the writer adds to an event: the member `integrity` with two hashes, a sequence number and the stream's id. */
const INTEGRITY_BYTES = 256;
/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/** The encoders behind Buffer.write(), without its handling of optional arguments. */
type FastBuffer = Buffer & { utf8Write(text: string, offset: number): number; latin1Write(text: string, offset: number): number };

/** An event that came in words. */
class WrittenEvent implements LateEvent {
  readonly units: number;

  /** Throws RangeError when its line would be too long. */
  constructor(
    private readonly before: string,
    private readonly after: string,
  ) {
    this.units = before.length + after.length;
    checkLength(before, after);
  }

  head(): string {
    return this.before;
  }

  tail(): string {
    return this.after;
  }
}

/** Whether the line of an event of so many UTF-16 units fits for certain. */
function fits(units: number): boolean {
  return units * BYTES_PER_UNIT + INTEGRITY_BYTES <= MAX_LINE_BYTES;
}

export class Batch {
  /** Events that the writer's callers appended. */
  events = 0;
  /** Frames of sealed payload records, before the lines whose seal events speak of them. */
  payloads: Buffer[] = [];
  payloadBytes = 0;
  #events: LateEvent[] = [];
  #units = 0;
  /** Lines of the events once they are chained, each ended by a newline. One string for all: it is encoded once. */
  #lines = '';
  /** Room for the frame's header, then the lines. */
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES) as FastBuffer;

  /** UTF-16 units of the lines at most; 0: there are none. */
  get length(): number {
    return this.#units;
  }

  /** Throws RangeError, and adds nothing, when the line would be too long. */
  add(head: string, tail: string): void {
    this.#take(new WrittenEvent(head, tail));
  }

  addLate(event: LateEvent): void {
    if (fits(event.units)) this.#take(event);
    else this.add(event.head(), event.tail());
  }

  #take(event: LateEvent): void {
    this.#events.push(event);
    this.#units += event.units + INTEGRITY_BYTES;
  }

  /** Puts all events into words and chains them behind `prev`, numbered from `seq`. Returns the last one's hash. */
  chain(prev: string, seq: number, stream: string): string {
    let digest = prev;
    let lines = '';
    for (const event of this.#events) {
      const open = event.head() + OPEN;
      const rest = linkText(digest, seq, stream) + event.tail();
      digest = sha256(open + rest);
      lines += `${open}"hash":"${digest}",${rest}\n`;
      seq += 1;
    }
    this.#lines = lines;
    return digest;
  }

  addPayload(frame: Buffer): void {
    this.payloads.push(frame);
    this.payloadBytes += frame.length;
  }

  clear(): void {
    this.#lines = '';
    this.#events = [];
    this.#units = 0;
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
function checkLength(head: string, tail: string): void {
  if (fits(head.length + tail.length)) return;
  const bytes = Buffer.byteLength(head) + Buffer.byteLength(tail) + INTEGRITY_BYTES;
  if (bytes <= MAX_LINE_BYTES) return;
  throw new RangeError(`an event of ${bytes} bytes is over the limit of ${MAX_LINE_BYTES}; its bodies belong into payload records`);
}
