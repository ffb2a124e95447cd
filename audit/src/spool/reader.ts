/** Reads a spool while it grows: every stream from where it was left, only whole frames, new streams as they come. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { FRAME_HEADER_BYTES, FRAME_KINDS, decodeFrame, type Frame } from './frame.js';
import { listSegments, listStreams, type Segment, type SpoolPosition } from './folder.js';
import { ownerState } from './owner.js';

export type SpoolRecord =
  | { kind: 'event'; stream: string; line: string }
  | { kind: 'payload'; stream: string; record: number; ciphertext: Buffer }
  | { kind: 'checkpoint'; stream: string; note: string };

/** Bytes that the reader could not read as frames and went past. The verifier tells which events are missing by it. */
export interface SpoolDamage {
  stream: string;
  /** Offset in the stream. */
  offset: number;
  bytes: number;
}

/** Bytes read from a segment at once, where no single frame is longer. */
const READ_BYTES = 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class SpoolReader {
  readonly #dir: string;
  readonly #offsets = new Map<string, number>();
  readonly #damages = new Map<string, SpoolDamage>();
  /** Stream that was served last: the others have their turn first. */
  #last = '';

  /** `from` may name streams that are gone. */
  constructor(dir: string, from: SpoolPosition = {}) {
    this.#dir = dir;
    for (const [stream, offset] of Object.entries(from)) this.#offsets.set(stream, offset);
  }

  /** Where read() goes on. What was read before has been handed out; streams that are gone are left out. */
  get position(): SpoolPosition {
    return Object.fromEntries(this.#offsets);
  }

  /** Damage met so far. */
  get damaged(): readonly SpoolDamage[] {
    return [...this.#damages.values()];
  }

  /**
   * Records that are there and were not handed out, in order within each stream; empty where nothing is new. Stops after the
   * frame that brings the count to `max`, so it may give the rest of one batch more. Throws the file system's errors.
   */
  read(max: number): SpoolRecord[] {
    const records: SpoolRecord[] = [];
    const streams = listStreams(this.#dir);
    for (const known of this.#offsets.keys()) if (!streams.includes(known)) this.#offsets.delete(known);
    const turn = streams.findIndex((stream) => stream > this.#last);
    const order = turn < 0 ? streams : [...streams.slice(turn), ...streams.slice(0, turn)];
    for (const stream of order) {
      if (records.length >= max) break;
      const before = records.length;
      this.#readStream(stream, max, records);
      if (records.length > before) this.#last = stream;
    }
    return records;
  }

  #readStream(stream: string, max: number, records: SpoolRecord[]): void {
    const segments = listSegments(join(this.#dir, stream));
    let offset = this.#offsets.get(stream) ?? 0;
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1];
      if (next && next.base <= offset) continue;
      // Segments before this one were removed as acknowledged.
      offset = Math.max(offset, segment.base);
      offset = this.#readSegment(stream, segment, offset, max, records);
      if (records.length >= max || !next) break;
      if (offset < next.base) this.#damages.set(`${stream} ${offset}`, { stream, offset, bytes: next.base - offset });
      offset = next.base;
    }
    if (offset > 0) this.#offsets.set(stream, offset);
  }

  /** Returns the offset behind the last whole frame that was taken. */
  #readSegment(stream: string, segment: Segment, from: number, max: number, records: SpoolRecord[]): number {
    const fd = openPresent(segment.path);
    if (fd === undefined) return from;
    try {
      const end = segment.base + fstatSync(fd).size;
      let offset = from;
      while (offset < end && records.length < max) {
        const taken = takeFrames(stream, readAt(fd, offset - segment.base, Math.min(READ_BYTES, end - offset)), max, records);
        if (taken > 0) offset += taken;
        else {
          const single = readSingle(fd, offset - segment.base, end - offset);
          if (typeof single === 'string') {
            this.#noteDamage(stream, offset, end - offset, single);
            break;
          }
          appendRecords(stream, single, records);
          offset += single.size;
        }
      }
      return offset;
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Behind a live writer's last whole frame there may be a write that is under way, and behind a killed one's the beginning of
   * a frame: neither is damage.
   */
  #noteDamage(stream: string, offset: number, bytes: number, how: 'torn' | 'damaged'): void {
    const owner = ownerState(join(this.#dir, stream));
    if (owner === 'alive' || (owner === 'dead' && how === 'torn')) return;
    this.#damages.set(`${stream} ${offset}`, { stream, offset, bytes });
  }
}

/** undefined: it was removed since it was listed, as acknowledged. */
function openPresent(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The frame at `at`, however long; `torn` where the file ends before it does. */
function readSingle(fd: number, at: number, available: number): Frame | 'torn' | 'damaged' {
  const header = readAt(fd, at, Math.min(FRAME_HEADER_BYTES, available));
  const outcome = decodeFrame(header, 0);
  if (outcome !== 'torn' || header.length < FRAME_HEADER_BYTES) return outcome;
  const size = FRAME_HEADER_BYTES + header.readUInt32BE(0);
  if (size > available) return 'torn';
  const frame = decodeFrame(readAt(fd, at, size), 0);
  return typeof frame === 'string' || isReadable(frame) ? frame : 'damaged';
}

function readAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, at + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** Takes whole frames from the beginning of `bytes` until `max` records are there; returns the bytes of the frames taken. */
function takeFrames(stream: string, bytes: Buffer, max: number, records: SpoolRecord[]): number {
  let at = 0;
  while (records.length < max) {
    const frame = decodeFrame(bytes, at);
    if (typeof frame === 'string' || !isReadable(frame)) break;
    appendRecords(stream, frame, records);
    at += frame.size;
  }
  return at;
}

/** Lenient decoding would let different bytes pass as the same text. */
function isReadable(frame: Frame): boolean {
  if (frame.kind === FRAME_KINDS.payload) return frame.payload.length > 4;
  try {
    utf8.decode(frame.payload);
    return true;
  } catch {
    return false;
  }
}

function appendRecords(stream: string, { kind, payload }: Frame, records: SpoolRecord[]): void {
  if (kind === FRAME_KINDS.payload) {
    records.push({ kind: 'payload', stream, record: payload.readUInt32BE(0), ciphertext: payload.subarray(4) });
  } else if (kind === FRAME_KINDS.checkpoint) {
    records.push({ kind: 'checkpoint', stream, note: payload.toString() });
  } else {
    for (const line of payload.toString().split('\n')) records.push({ kind: 'event', stream, line });
  }
}
