/**
 * Header blocks of SPDY/3.1 (2.6.10): names and values, under one compression for all that a side sends. A block ends where its sender
 * flushed, at a byte: so each is inflated by itself, against the window that those before it left (RFC 1951 2), and a long session costs
 * what its blocks do. Synchronous; no IO.
 */
import { randomBytes } from 'node:crypto';
import { constants, inflateRawSync } from 'node:zlib';
import { MAX_SPDY_FIELDS, MAX_SPDY_HEADER_BYTES } from './limits.js';
import { SPDY_DICTIONARY } from './spdy-dictionary.js';

export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}

/** How far back deflate refers, bytes. */
const WINDOW_BYTES = 32 * 1024;
/** CMF and FLG, then the checksum of the dictionary (RFC 1950 2.2). */
const ZLIB_HEADER_BYTES = 6;
const DEFLATE = 8;
const FLAG_DICTIONARY = 0x20;
const DICTIONARY_CHECKSUM = 0xe3c6a7c2;
const MARK_BYTES = 8;

export class SpdyHeaders {
  #window = SPDY_DICTIONARY;
  #begun = false;
  /**
   * Stored behind each block, where only an inflater that stands between two blocks of deflate reads it as it is. A sender who could
   * guess it could have one stream read differently here than at the target.
   */
  readonly #mark = randomBytes(MARK_BYTES);

  /** The headers of the next block. Throws SpdyError; nothing may be read after it. */
  next(block: Buffer): Map<string, string> {
    const text = this.#inflated(this.#begun ? block : withoutZlibHeader(block));
    this.#begun = true;
    this.#window = Buffer.concat([this.#window, text]).subarray(-WINDOW_BYTES);
    return headersOf(text);
  }

  #inflated(block: Buffer): Buffer {
    const text = inflated(Buffer.concat([block, STORED, this.#mark]), this.#window);
    const end = text.length - MARK_BYTES;
    if (end < 0 || !text.subarray(end).equals(this.#mark)) throw new SpdyError('a header block does not end where its frame does');
    return text.subarray(0, end);
  }
}

/** A stored block of MARK_BYTES that is not the last (RFC 1951 3.2.4). */
const STORED = Buffer.from([0, MARK_BYTES, 0, 0xff - MARK_BYTES, 0xff]);

function withoutZlibHeader(block: Buffer): Buffer {
  const valid =
    block.length >= ZLIB_HEADER_BYTES &&
    (block[0]! & 0x0f) === DEFLATE &&
    block.readUInt16BE(0) % 31 === 0 &&
    (block[1]! & FLAG_DICTIONARY) !== 0 &&
    block.readUInt32BE(2) === DICTIONARY_CHECKSUM;
  if (!valid) throw new SpdyError('the first header block does not begin as SPDY/3.1 compresses');
  return block.subarray(ZLIB_HEADER_BYTES);
}

function inflated(bytes: Buffer, dictionary: Buffer): Buffer {
  try {
    return inflateRawSync(bytes, { dictionary, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_SPDY_HEADER_BYTES + MARK_BYTES });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const why = tooLarge ? `is larger than ${MAX_SPDY_HEADER_BYTES} bytes` : 'is not compressed as it must be';
    throw new SpdyError(`a header block ${why}`, { cause: error });
  }
}

/** Names and values, each with its length. What is left over would be the beginning of the next block to others. */
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
  if (at !== block.length) throw new SpdyError('a header block goes on behind its headers');
  return headers;
}
