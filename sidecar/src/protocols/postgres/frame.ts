/**
 * PostgreSQL messages out of a byte stream (protocol 3.0 and 3.2, "Message Formats"): one type byte, a big-endian length
 * that counts itself, a body. Resumable at any byte boundary; a message is joined at most once, and only when it spans
 * chunks and must be read whole.
 */
import { MAX_MESSAGE_BYTES } from './limits.js';

const HEADER_BYTES = 5;

export interface FrameSink {
  /** A whole message: `buffer[start, end)` with its header. */
  message(type: number, buffer: Buffer, start: number, end: number): void;
  /** Whether messages of this type may pass in pieces instead, when they do not lie in one chunk. */
  streams(type: number): boolean;
  /** A piece of a streamed message; the first holds the header. `last` ends the message. */
  piece(type: number, buffer: Buffer, start: number, end: number, first: boolean, last: boolean): void;
  /** The stream cannot be framed any more. */
  malformed(reason: string): void;
}

export class Framer {
  /** Set by the sink to stop after the current message; continue with resume(). */
  halted = false;
  private broken = false;
  private running = false;
  private readonly backlog: Buffer[] = [];
  /** Pieces of a message (or of its header) that is not complete yet. */
  private parts: Buffer[] = [];
  private held = 0;
  /** Whole length of the message in parts, 0 while its header is not complete. */
  private expected = 0;
  /** Bytes of a streamed message still to come. */
  private streaming = 0;
  private type = 0;

  constructor(
    private readonly sink: FrameSink,
    /** Bytes of a message that is read whole. */
    private readonly maxWhole: number,
  ) {}

  /** Whether the stream stands between two messages. */
  get atBoundary(): boolean {
    return this.held === 0 && this.streaming === 0 && this.backlog.length === 0;
  }

  /** Whether the beginning of a message was passed on and its end was not. */
  get amidst(): boolean {
    return this.streaming > 0;
  }

  push(chunk: Buffer): void {
    if (this.broken) return;
    this.backlog.push(chunk);
    if (!this.halted && !this.running) this.drain();
  }

  /** Goes on after a halt, with what arrived meanwhile. */
  resume(): void {
    this.halted = false;
    if (!this.running) this.drain();
  }

  private drain(): void {
    this.running = true;
    try {
      while (!this.halted && !this.broken && this.backlog.length > 0) this.run(this.backlog.shift()!);
    } finally {
      this.running = false;
    }
  }

  private run(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.halted && !this.broken) {
      if (this.streaming > 0) at = this.continueStream(chunk, at);
      else if (this.held > 0) at = this.continueWhole(chunk, at);
      else at = this.scan(chunk, at);
    }
    if (at < chunk.length && !this.broken) this.backlog.unshift(chunk.subarray(at));
  }

  /** Messages that begin in this chunk. Returns how far it got. */
  private scan(chunk: Buffer, from: number): number {
    const { sink } = this;
    const { length } = chunk;
    let at = from;
    while (at < length && !this.halted && !this.broken) {
      if (length - at < HEADER_BYTES) return this.keep(chunk, at, 0);
      const type = chunk[at]!;
      const size = 1 + ((chunk[at + 1]! << 24) | (chunk[at + 2]! << 16) | (chunk[at + 3]! << 8) | chunk[at + 4]!);
      if (at + size <= length && size >= HEADER_BYTES) {
        sink.message(type, chunk, at, at + size);
        at += size;
        continue;
      }
      if (!this.acceptable(type, size)) return length;
      if (!sink.streams(type)) return this.keep(chunk, at, size);
      this.type = type;
      this.streaming = size - (length - at);
      sink.piece(type, chunk, at, length, true, false);
      return length;
    }
    return at;
  }

  private keep(chunk: Buffer, at: number, expected: number): number {
    this.parts.push(chunk.subarray(at));
    this.held += chunk.length - at;
    this.expected = expected;
    return chunk.length;
  }

  private continueStream(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.streaming);
    this.streaming -= end - at;
    this.sink.piece(this.type, chunk, at, end, false, this.streaming === 0);
    return end;
  }

  private continueWhole(chunk: Buffer, at: number): number {
    if (this.expected > 0) return this.fill(chunk, at);
    const end = Math.min(chunk.length, at + HEADER_BYTES - this.held);
    this.parts.push(chunk.subarray(at, end));
    this.held += end - at;
    if (this.held < HEADER_BYTES) return end;
    const header = Buffer.concat(this.parts);
    const type = header[0]!;
    const size = 1 + header.readInt32BE(1);
    if (!this.acceptable(type, size)) return chunk.length;
    if (size > HEADER_BYTES && this.sink.streams(type)) {
      this.clear();
      this.type = type;
      this.streaming = size - HEADER_BYTES;
      this.sink.piece(type, header, 0, HEADER_BYTES, true, false);
      return end;
    }
    this.parts = [header];
    this.expected = size;
    return this.fill(chunk, end);
  }

  private fill(chunk: Buffer, from: number): number {
    const end = Math.min(chunk.length, from + this.expected - this.held);
    if (end > from) this.parts.push(chunk.subarray(from, end));
    this.held += end - from;
    if (this.held < this.expected) return end;
    const whole = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.held);
    this.clear();
    this.sink.message(whole[0]!, whole, 0, whole.length);
    return end;
  }

  private clear(): void {
    this.parts = [];
    this.held = 0;
    this.expected = 0;
  }

  private acceptable(type: number, size: number): boolean {
    if (size < HEADER_BYTES) return this.fail(`a message of type ${printable(type)} claims a length below 4`);
    if (size > MAX_MESSAGE_BYTES) return this.fail(`a message of type ${printable(type)} claims ${size} bytes`);
    if (size > this.maxWhole && !this.sink.streams(type)) {
      return this.fail(`a message of type ${printable(type)} has ${size} bytes; at most ${this.maxWhole} are read`);
    }
    return true;
  }

  private fail(reason: string): false {
    this.broken = true;
    this.clear();
    this.sink.malformed(reason);
    return false;
  }
}

function printable(type: number): string {
  return type > 32 && type < 127 ? `'${String.fromCharCode(type)}'` : `0x${type.toString(16).padStart(2, '0')}`;
}
