/**
 * SPDY/3.1 frames of one direction, as far as Kubernetes' streams use them: bytes -> streams that open and pieces of their data; pure,
 * resumable at any byte boundary. No data is held: pieces are handed on as they come.
 */
import { constants, inflateSync } from 'node:zlib';
import { MAX_SPDY_CONTROL_BYTES, MAX_SPDY_FIELDS, MAX_SPDY_HEADER_BYTES } from './limits.js';
import { SPDY_DICTIONARY } from './spdy-dictionary.js';

export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}

export type SpdyPiece =
  | { kind: 'opened'; stream: number; headers: ReadonlyMap<string, string> }
  | { kind: 'data'; stream: number; bytes: Buffer; last: boolean };

/** 2.2.1, 2.2.2 */
const FRAME_HEADER_BYTES = 8;
const VERSION = 3;
const SYN_STREAM = 1;
const FLAG_FIN = 1;
/** Stream, associated stream, priority, slot: what stands before the header block of SYN_STREAM (2.6.1). */
const SYN_STREAM_BYTES = 10;

/**
 * Header blocks of one direction share one compression (2.6.10.1). Each is read by inflating all so far anew: there are a few small ones,
 * and the sum is bounded.
 */
class HeaderBlocks {
  #compressed = Buffer.alloc(0);
  #read = 0;

  next(block: Buffer): Map<string, string> {
    this.#compressed = Buffer.concat([this.#compressed, block]);
    if (this.#compressed.length > MAX_SPDY_HEADER_BYTES)
      throw new SpdyError(`header blocks are larger than ${MAX_SPDY_HEADER_BYTES} bytes`);
    const all = this.#inflated();
    const text = all.subarray(this.#read);
    this.#read = all.length;
    return headersOf(text);
  }

  #inflated(): Buffer {
    try {
      const options = { dictionary: SPDY_DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 16 * MAX_SPDY_HEADER_BYTES };
      return inflateSync(this.#compressed, options);
    } catch (error) {
      throw new SpdyError(`a header block is not compressed as it must be: ${(error as Error).message}`);
    }
  }
}

/** Names and values, each with its length (2.6.10). */
function headersOf(block: Buffer): Map<string, string> {
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw new SpdyError('a header block is cut off');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw new SpdyError('a header block is cut off');
    at += length;
    return block.toString('latin1', at - length, at);
  };
  const headers = new Map<string, string>();
  const count = number();
  if (count > MAX_SPDY_FIELDS) throw new SpdyError(`a stream has more than ${MAX_SPDY_FIELDS} headers`);
  for (let index = 0; index < count; index++) {
    const name = text();
    if (headers.has(name)) throw new SpdyError('a header comes twice');
    headers.set(name, text());
  }
  return headers;
}

export class SpdyReader {
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  readonly #blocks = new HeaderBlocks();
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
    if (ends && this.#header.readUInt16BE(2) === SYN_STREAM) pieces.push(this.#opened(Buffer.concat(this.#control)));
  }

  #opened(frame: Buffer): SpdyPiece {
    if (frame.length < SYN_STREAM_BYTES) throw new SpdyError('a stream opens with a frame that is cut off');
    return { kind: 'opened', stream: frame.readUInt32BE(0) & 0x7fffffff, headers: this.#blocks.next(frame.subarray(SYN_STREAM_BYTES)) };
  }
}
