/** Frames of SPDY/3.1, for tests. */
import { constants, createDeflate, type Deflate } from 'node:zlib';
import { SPDY_DICTIONARY } from '../protocols/kubernetes/spdy-dictionary.js';

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

function control(type: number, payload: Buffer): Buffer {
  const head = Buffer.from([0x80, 3, 0, type, 0, 0, 0, 0]);
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}

export function spdyData(stream: number, text: string | Buffer, last = false): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.concat([u32(stream), Buffer.from([last ? 1 : 0, 0, 0, 0])]);
  head.writeUIntBE(bytes.length, 5, 3);
  return Buffer.concat([head, bytes]);
}

/** PING, which carries nothing (2.6.5). */
export const spdyPing = (id: number): Buffer => control(6, u32(id));

/** SYN_STREAM (2.6.1). */
export const spdyOpening = (stream: number, block: Buffer): Buffer =>
  control(1, Buffer.concat([u32(stream), u32(0), Buffer.from([0, 0]), block]));

/** One side of a session: its header blocks share one compression. */
export class SpdySide {
  readonly #deflate: Deflate = createDeflate({ dictionary: SPDY_DICTIONARY });

  async opens(stream: number, headers: Readonly<Record<string, string>>): Promise<Buffer> {
    return spdyOpening(stream, await this.#block(headers));
  }

  /** SYN_REPLY (2.6.2). */
  async replies(stream: number, headers: Readonly<Record<string, string>>): Promise<Buffer> {
    return control(2, Buffer.concat([u32(stream), await this.#block(headers)]));
  }

  #block(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const entries = Object.entries(headers);
    const texts = entries.flat().flatMap((text) => [u32(text.length), Buffer.from(text, 'latin1')]);
    return this.raw(Buffer.concat([u32(entries.length), ...texts]));
  }

  /** Bytes as a header block of this side. */
  async raw(block: Buffer): Promise<Buffer> {
    const pieces: Buffer[] = [];
    this.#deflate.on('data', (piece: Buffer) => pieces.push(piece));
    this.#deflate.write(block);
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    this.#deflate.removeAllListeners('data');
    return Buffer.concat(pieces);
  }
}
