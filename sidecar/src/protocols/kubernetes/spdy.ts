/**
 * SPDY/3.1 frames of one direction, as far as Kubernetes' streams use them: bytes -> streams that open and pieces of their data; pure,
 * resumable at any byte boundary. No data is held: pieces are handed on as they come.
 */
import { MAX_SPDY_CONTROL_BYTES } from './limits.js';
import { SpdyError, SpdyHeaders } from './spdy-headers.js';

export type SpdyPiece =
  | { kind: 'opened'; stream: number; headers: ReadonlyMap<string, string> }
  | { kind: 'data'; stream: number; bytes: Buffer; last: boolean };

/** 2.2.1, 2.2.2 */
const FRAME_HEADER_BYTES = 8;
const VERSION = 3;
const SYN_STREAM = 1;
const FLAG_FIN = 1;
/** What stands before the header block in the frames that have one: SYN_STREAM (2.6.1), SYN_REPLY (2.6.2), HEADERS (2.6.7). */
const BEFORE_HEADERS: ReadonlyMap<number, number> = new Map([
  [SYN_STREAM, 10],
  [2, 4],
  [8, 4],
]);

export class SpdyReader {
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  readonly #headers = new SpdyHeaders();
  #held = 0;
  /** Bytes of the frame that are still to come; -1 while its header is read. */
  #remaining = -1;
  /** Pieces of a control frame that is kept until it is whole. */
  #control: Buffer[] | undefined;

  /** What is in this chunk. Throws SpdyError; nothing may be read after it. */
  read(chunk: Buffer): SpdyPiece[] {
    const pieces: SpdyPiece[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining < 0) {
        this.#header[this.#held++] = chunk[at++]!;
        if (this.#held === FRAME_HEADER_BYTES) this.#begin(pieces);
        continue;
      }
      const length = Math.min(this.#remaining, chunk.length - at);
      this.#take(chunk.subarray(at, at + length), pieces);
      at += length;
    }
    return pieces;
  }

  #begin(pieces: SpdyPiece[]): void {
    const header = this.#header;
    this.#held = 0;
    this.#remaining = header.readUIntBE(5, 3);
    this.#control = undefined;
    if (header[0]! >= 0x80) {
      if ((header.readUInt16BE(0) & 0x7fff) !== VERSION) throw new SpdyError('a frame is of another version than 3');
      if (this.#remaining > MAX_SPDY_CONTROL_BYTES) throw new SpdyError(`a control frame is larger than ${MAX_SPDY_CONTROL_BYTES} bytes`);
      this.#control = [];
    }
    if (this.#remaining === 0) this.#take(Buffer.alloc(0), pieces);
  }

  #take(bytes: Buffer, pieces: SpdyPiece[]): void {
    this.#remaining -= bytes.length;
    const ends = this.#remaining === 0;
    if (ends) this.#remaining = -1;
    if (!this.#control) {
      const last = ends && (this.#header[4]! & FLAG_FIN) !== 0;
      pieces.push({ kind: 'data', stream: this.#header.readUInt32BE(0), bytes, last });
      return;
    }
    this.#control.push(bytes);
    if (ends) this.#controlFrame(this.#header.readUInt16BE(2), Buffer.concat(this.#control), pieces);
  }

  /** Every header block is read, for those behind it are compressed against it. */
  #controlFrame(type: number, frame: Buffer, pieces: SpdyPiece[]): void {
    const before = BEFORE_HEADERS.get(type);
    if (before === undefined) return;
    if (frame.length < before) throw new SpdyError('a frame is cut off before its headers');
    const headers = this.#headers.next(frame.subarray(before));
    if (type === SYN_STREAM) pieces.push({ kind: 'opened', stream: frame.readUInt32BE(0) & 0x7fffffff, headers });
  }
}
