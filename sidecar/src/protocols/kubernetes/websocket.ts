/**
 * WebSocket frames (RFC 6455 5.2) of one direction: bytes -> pieces of data messages, pure, resumable at any byte boundary. No
 * payload is held: pieces are handed on as they come. Extensions were not negotiated, so reserved bits are an error.
 */

export class WebSocketError extends Error {
  override readonly name = 'WebSocketError';
}

export interface MessagePiece {
  /** Whether a message begins with this piece. */
  first: boolean;
  /** Whether it ends with it. */
  last: boolean;
  payload: Buffer;
}

const CONTINUATION = 0;
const BINARY = 2;
const TEXT = 1;
/** Control frames (5.5): close, ping, pong. */
const CONTROL = 8;
const MAX_CONTROL_BYTES = 125;
const MAX_HEADER_BYTES = 14;

export class WebSocketReader {
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES);
  #held = 0;
  /** Payload bytes of the frame that are still to come; -1 while its header is read. */
  #remaining = -1;
  #control = false;
  #final = false;
  #begins = false;
  #inMessage = false;
  #mask: Buffer | undefined;
  #maskAt = 0;

  /** `masked`: frames of a client are, those of a server are not (5.1). */
  constructor(private readonly masked: boolean) {}

  /** The data in this chunk, unmasked. Throws WebSocketError; nothing may be read after it. */
  read(chunk: Buffer): MessagePiece[] {
    const pieces: MessagePiece[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining < 0) {
        this.#header[this.#held++] = chunk[at++]!;
        if (this.#held === this.#headerLength()) this.#frame(pieces);
        continue;
      }
      const length = Math.min(this.#remaining, chunk.length - at);
      this.#payload(chunk.subarray(at, at + length), pieces);
      at += length;
    }
    return pieces;
  }

  #headerLength(): number {
    if (this.#held < 2) return 2;
    if (this.#header[1]! >= 0x80 !== this.masked) throw new WebSocketError(`a frame is ${this.masked ? 'not ' : ''}masked`);
    const length = this.#header[1]! & 0x7f;
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (this.masked ? 4 : 0);
  }

  #frame(pieces: MessagePiece[]): void {
    const header = this.#header;
    const opcode = header[0]! & 0x0f;
    if ((header[0]! & 0x70) !== 0) throw new WebSocketError('a frame has reserved bits without an extension');
    this.#final = header[0]! >= 0x80;
    this.#control = opcode >= CONTROL;
    const size = this.#size(header[1]! & 0x7f);
    if (this.#control) {
      if (opcode > 10 || !this.#final || size > MAX_CONTROL_BYTES) throw new WebSocketError('a control frame is not well-formed');
    } else this.#message(opcode);
    this.#mask = this.masked ? Buffer.from(header.subarray(this.#held - 4, this.#held)) : undefined;
    this.#maskAt = 0;
    this.#held = 0;
    this.#remaining = size;
    if (size === 0) this.#payload(Buffer.alloc(0), pieces);
  }

  #message(opcode: number): void {
    const continues = opcode === CONTINUATION;
    if (!continues && opcode !== BINARY && opcode !== TEXT) throw new WebSocketError('a frame has an unknown opcode');
    if (continues !== this.#inMessage) throw new WebSocketError('a message is continued that did not begin, or begins inside another');
    this.#begins = !continues;
    this.#inMessage = !this.#final;
  }

  #size(short: number): number {
    if (short < 126) return short;
    const size = short === 126 ? this.#header.readUInt16BE(2) : Number(this.#header.readBigUInt64BE(2));
    if (!Number.isSafeInteger(size)) throw new WebSocketError('a frame is larger than can be counted');
    return size;
  }

  #payload(bytes: Buffer, pieces: MessagePiece[]): void {
    this.#remaining -= bytes.length;
    const ends = this.#remaining === 0;
    if (!this.#control) {
      pieces.push({ first: this.#begins, last: ends && this.#final, payload: this.#unmasked(bytes) });
      this.#begins = false;
    }
    if (ends) this.#remaining = -1;
  }

  #unmasked(bytes: Buffer): Buffer {
    const mask = this.#mask;
    if (!mask) return bytes;
    const plain = Buffer.allocUnsafe(bytes.length);
    for (let i = 0; i < bytes.length; i++) plain[i] = bytes[i]! ^ mask[(this.#maskAt + i) & 3]!;
    this.#maskAt = (this.#maskAt + bytes.length) & 3;
    return plain;
  }
}
