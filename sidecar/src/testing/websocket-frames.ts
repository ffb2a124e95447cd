/** Frames of WebSocket (RFC 6455 5.2), for tests. */

export interface FrameOptions {
  masked: boolean;
  /** Default 2, binary. */
  opcode?: number;
  final?: boolean;
}

const MASK = Buffer.from([0xa1, 0x00, 0xff, 0x37]);

export function frame(payload: string | Buffer, { masked, opcode = 2, final = true }: FrameOptions): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const bit = masked ? 0x80 : 0;
  let head: Buffer;
  if (bytes.length < 126) head = Buffer.from([0, bit | bytes.length]);
  else if (bytes.length < 65_536) {
    head = Buffer.from([0, bit | 126, 0, 0]);
    head.writeUInt16BE(bytes.length, 2);
  } else {
    head = Buffer.alloc(10);
    head[1] = bit | 127;
    head.writeBigUInt64BE(BigInt(bytes.length), 2);
  }
  head[0] = (final ? 0x80 : 0) | opcode;
  if (!masked) return Buffer.concat([head, bytes]);
  return Buffer.concat([head, MASK, bytes.map((byte, index) => byte ^ MASK[index & 3]!)]);
}
