/** Records in a segment file: `u32 length, u32 crc32, u8 kind, payload`, big endian; the CRC covers kind and payload. */
import { crc32 } from 'node:zlib';
import { MAX_FRAME_BYTES } from '../limits.js';

export const FRAME_HEADER_BYTES = 9;

export const FRAME_KINDS = {
  /** Event lines, each ended by a newline but the last. */
  events: 1,
  /** u32 record number, then the ciphertext. */
  payload: 2,
  /** A checkpoint note. */
  checkpoint: 3,
} as const;
export type FrameKind = (typeof FRAME_KINDS)[keyof typeof FRAME_KINDS];

export interface Frame {
  kind: FrameKind;
  payload: Buffer;
  /** Bytes of the whole frame. */
  size: number;
}

/** Fills in the header of a frame whose payload already stands behind it: `frame` is header and payload. */
export function sealFrame(frame: Buffer, kind: FrameKind): void {
  frame.writeUInt32BE(frame.length - FRAME_HEADER_BYTES, 0);
  frame[8] = kind;
  frame.writeUInt32BE(crc32(frame.subarray(8)), 4);
}

export function encodeFrame(kind: FrameKind, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  sealFrame(frame, kind);
  return frame;
}

/** The frame that begins at `at`; `torn` where the bytes end before it does, `damaged` where they cannot be a frame. */
export function decodeFrame(bytes: Buffer, at: number): Frame | 'torn' | 'damaged' {
  if (bytes.length - at < FRAME_HEADER_BYTES) return 'torn';
  const length = bytes.readUInt32BE(at);
  const kind = bytes[at + 8]!;
  if (length === 0 || length > MAX_FRAME_BYTES || !isFrameKind(kind)) return 'damaged';
  const end = at + FRAME_HEADER_BYTES + length;
  if (bytes.length < end) return 'torn';
  if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32BE(at + 4)) return 'damaged';
  return { kind, payload: bytes.subarray(at + FRAME_HEADER_BYTES, end), size: FRAME_HEADER_BYTES + length };
}

function isFrameKind(kind: number): kind is FrameKind {
  return kind === FRAME_KINDS.events || kind === FRAME_KINDS.payload || kind === FRAME_KINDS.checkpoint;
}
