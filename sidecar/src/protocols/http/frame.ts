/**
 * Bytes of one leg -> messages of HTTP/1.1. Pulls: the session asks for the next piece and may stop asking at any time.
 * Every byte is looked at a fixed number of times however it was split, and pieces are slices of what arrived.
 */
import { HttpSyntaxError, safeTrailers } from './head.js';
import { MAX_CHUNK_EXTENSION_BYTES, MAX_CHUNK_LINE_BYTES, MAX_CHUNK_SIZE_DIGITS, MAX_HEAD_BYTES, MAX_TRAILER_BYTES } from './limits.js';

/** Nothing to read until more bytes arrive. */
export const MORE = 0;
export const HEAD = 1;
export const BODY = 2;
export type Piece = typeof MORE | typeof HEAD | typeof BODY;

export type Framing = 'none' | 'length' | 'chunked' | 'close';

// States of a chunked body (RFC 9112 7.1).
const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER = 6;
const TRAILER_LF = 7;
const TRAILER_FIELDS = 8;

const EMPTY = Buffer.alloc(0);

/** Two pieces that lie side by side in what arrived, as the one that they were; undefined where they do not. */
export function adjoin(first: Buffer, second: Buffer): Buffer | undefined {
  if (first.buffer !== second.buffer || first.byteOffset + first.length !== second.byteOffset) return undefined;
  return Buffer.from(first.buffer as ArrayBuffer, first.byteOffset, first.length + second.length);
}

/** Index behind the first CR LF CR LF, or -1. Looks at every fourth byte where it can (Boyer-Moore). */
function endOfHead(bytes: Buffer, from: number, to: number): number {
  for (let at = from + 3; at < to;) {
    const code = bytes[at]!;
    if (code === 0x0a) {
      if (bytes[at - 1] === 0x0d && bytes[at - 2] === 0x0a && bytes[at - 3] === 0x0d) return at + 1;
      at += 2;
    } else at += code === 0x0d ? 1 : 4;
  }
  return -1;
}

/** Collects up to the empty line that ends a head. Memory doubles, so that a head that comes byte by byte stays linear. */
class HeadCollector {
  #held = EMPTY;
  #length = 0;
  /** Bytes copied or searched: what a test may count. */
  work = 0;

  get begun(): boolean {
    return this.#length > 0;
  }

  /** Where the head ends in `chunk` (exclusive), or -1 where it goes on; then the bytes were kept. */
  find(chunk: Buffer, from: number, limit: number): number {
    if (this.#length === 0) {
      const end = endOfHead(chunk, from, chunk.length);
      this.work += (end < 0 ? chunk.length : end) - from;
      if ((end < 0 ? chunk.length : end) - from > limit) throw tooLarge(limit);
      if (end < 0) this.#keep(chunk, from, chunk.length);
      return end;
    }
    const before = this.#length;
    const stop = Math.min(chunk.length, from + limit + 4 - before);
    this.#keep(chunk, from, stop);
    const search = Math.max(0, before - 3);
    const end = endOfHead(this.#held, search, this.#length);
    this.work += this.#length - search;
    if ((end < 0 ? this.#length : end) > limit) throw tooLarge(limit);
    if (end < 0) return -1;
    this.#length = end;
    return from + end - before;
  }

  /** The whole head, where it came in several chunks; undefined where it lies in the last chunk alone. */
  take(): Buffer | undefined {
    if (this.#length === 0) return undefined;
    const head = this.#held.subarray(0, this.#length);
    this.#held = EMPTY;
    this.#length = 0;
    return head;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const need = this.#length + to - from;
    if (need > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(1024, need, this.#held.length * 2));
      this.#held.copy(grown, 0, 0, this.#length);
      this.work += this.#length;
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#length, from, to);
    this.#length = need;
  }
}

const tooLarge = (limit: number): HttpSyntaxError =>
  new HttpSyntaxError(431, 'head-too-large', `the header section is larger than ${limit} bytes`);

export class MessageReader<H> {
  /** After HEAD. */
  head!: H;
  /** After HEAD and BODY: the bytes as they arrived, without a trailer section. */
  raw: Buffer = EMPTY;
  /** After BODY: the payload in `raw`, without chunk framing. */
  parts: Buffer[] = [];
  /** After BODY, where the body ends with trailer fields: those that may be forwarded, with the empty line. Not part of `raw`. */
  trailers: string | undefined;
  /** After BODY: the message is complete. */
  done = false;
  readonly #parse: (raw: Buffer) => H;
  readonly #collector = new HeadCollector();
  readonly #queue: Buffer[] = [];
  #chunk: Buffer = EMPTY;
  #at = 0;
  #framing: Framing | undefined;
  #remaining = 0;
  #state = SIZE;
  #digits = 0;
  #lineBytes = 0;
  #extensionBytes = 0;
  #bodyWork = 0;

  constructor(parse: (raw: Buffer) => H) {
    this.#parse = parse;
  }

  /** Bytes copied, searched or walked one by one so far. */
  get work(): number {
    return this.#collector.work + this.#bodyWork;
  }

  /** Whether a head has begun that is not complete. */
  get inHead(): boolean {
    return this.#framing === undefined && this.#collector.begun;
  }

  /** Whether bytes wait to be read. */
  get waiting(): boolean {
    return this.#at < this.#chunk.length || this.#queue.length > 0;
  }

  feed(chunk: Buffer): void {
    if (this.#at >= this.#chunk.length && this.#queue.length === 0) {
      this.#chunk = chunk;
      this.#at = 0;
    } else this.#queue.push(chunk);
  }

  /** How the body of the head just read is framed; call after HEAD. `length` with `length` only. */
  body(framing: Framing, length = 0): void {
    this.done = framing === 'none' || (framing === 'length' && length === 0);
    this.#framing = this.done ? undefined : framing;
    this.#remaining = framing === 'length' ? length : 0;
    this.#state = SIZE;
    this.#extensionBytes = 0;
    this.#beginLine();
  }

  /** The next piece. Throws HttpSyntaxError; nothing may be read after it. */
  read(): Piece {
    while (this.#at >= this.#chunk.length) {
      const next = this.#queue.shift();
      if (!next) return MORE;
      this.#chunk = next;
      this.#at = 0;
    }
    if (this.#framing === undefined) return this.#readHead();
    this.trailers = undefined;
    return this.#framing === 'chunked' ? this.#readChunked() : this.#readPlain();
  }

  /** Takes everything that was not read: a tunnel begins, or another session. */
  rest(): Buffer[] {
    const rest = [this.#collector.take() ?? EMPTY, this.#chunk.subarray(this.#at), ...this.#queue.splice(0)];
    this.#chunk = EMPTY;
    this.#at = 0;
    return rest.filter((part) => part.length > 0);
  }

  #readHead(): Piece {
    const end = this.#collector.find(this.#chunk, this.#at, MAX_HEAD_BYTES);
    const start = this.#at;
    this.#at = end < 0 ? this.#chunk.length : end;
    if (end < 0) return this.waiting ? this.read() : MORE;
    this.raw = this.#collector.take() ?? (start === 0 && end === this.#chunk.length ? this.#chunk : this.#chunk.subarray(start, end));
    this.done = false;
    this.head = this.#parse(this.raw);
    return HEAD;
  }

  #readPlain(): Piece {
    const available = this.#chunk.length - this.#at;
    const length = this.#framing === 'length' && this.#remaining < available ? this.#remaining : available;
    this.raw = this.#at === 0 && length === this.#chunk.length ? this.#chunk : this.#chunk.subarray(this.#at, this.#at + length);
    this.parts = [this.raw];
    this.#at += length;
    if (this.#framing === 'length') {
      this.#remaining -= length;
      if (this.#remaining === 0) this.#complete();
    }
    return BODY;
  }

  #complete(): void {
    this.done = true;
    this.#framing = undefined;
  }

  #beginLine(): void {
    this.#digits = 0;
    this.#lineBytes = 0;
  }

  #readChunked(): Piece {
    const chunk = this.#chunk;
    const start = this.#at;
    const length = chunk.length;
    const parts: Buffer[] = [];
    let at = start;
    let end = -1; // of raw, where a trailer section begins
    while (at < length && !this.done) {
      if (this.#state === DATA) {
        const take = Math.min(this.#remaining, length - at);
        parts.push(chunk.subarray(at, at + take));
        at += take;
        this.#remaining -= take;
        if (this.#remaining === 0) this.#state = DATA_CR;
      } else if (this.#state === TRAILER_FIELDS) {
        if (end < 0) end = at;
        at = this.#trailerFields(chunk, at);
      } else if (this.#state === TRAILER && chunk[at] !== 0x0d) this.#state = TRAILER_FIELDS;
      else this.#chunkByte(chunk[at++]!);
    }
    this.#at = at;
    this.raw = chunk.subarray(start, end < 0 ? at : end);
    this.parts = parts;
    return BODY;
  }

  /** One byte of chunk framing. */
  #chunkByte(code: number): void {
    this.#bodyWork++;
    switch (this.#state) {
      case SIZE:
        return this.#sizeByte(code);
      case EXTENSION:
        if (code === 0x0d) this.#state = SIZE_LF;
        else if (code < 0x20 ? code !== 0x09 : code === 0x7f) throw chunkFault('a chunk extension holds a control character');
        else if (++this.#lineBytes > MAX_CHUNK_LINE_BYTES || ++this.#extensionBytes > MAX_CHUNK_EXTENSION_BYTES) {
          throw new HttpSyntaxError(413, 'chunk-extensions', 'the chunk extensions are too long');
        }
        return;
      case SIZE_LF:
        if (code !== 0x0a) throw chunkFault('CR without LF after a chunk size');
        this.#state = this.#remaining === 0 ? TRAILER : DATA;
        return;
      case DATA_CR:
        if (code !== 0x0d) throw chunkFault('a chunk is longer than its size says');
        this.#state = DATA_LF;
        return;
      case DATA_LF:
        if (code !== 0x0a) throw chunkFault('CR without LF after a chunk');
        this.#state = SIZE;
        this.#remaining = 0;
        this.#beginLine();
        return;
      case TRAILER:
        this.#state = TRAILER_LF; // the caller saw the CR
        return;
      default: // TRAILER_LF
        if (code !== 0x0a) throw chunkFault('CR without LF after the last chunk');
        this.#complete();
    }
  }

  #sizeByte(code: number): void {
    const lower = code | 0x20;
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
    if (digit >= 0) {
      if (++this.#digits > MAX_CHUNK_SIZE_DIGITS) throw chunkFault(`a chunk size has more than ${MAX_CHUNK_SIZE_DIGITS} digits`);
      this.#remaining = this.#remaining * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw chunkFault('a chunk does not begin with its size');
    if (code === 0x0d) this.#state = SIZE_LF;
    else if (code === 0x3b || code === 0x20 || code === 0x09) this.#state = EXTENSION;
    else throw chunkFault('a chunk size is not a hexadecimal number');
  }

  #trailerFields(chunk: Buffer, at: number): number {
    const end = this.#collector.find(chunk, at, MAX_TRAILER_BYTES);
    if (end < 0) return chunk.length;
    const section = this.#collector.take() ?? chunk.subarray(at, end);
    this.trailers = safeTrailers(section.toString('latin1'));
    this.#complete();
    return end;
  }
}

const chunkFault = (message: string): HttpSyntaxError => new HttpSyntaxError(400, 'bad-chunk', `${message} (RFC 9112 7.1)`);
