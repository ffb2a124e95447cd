import { hash, randomFillSync } from 'node:crypto';

/** 62 random bits for the id and 11 to start a millisecond's counter. */
const BYTES_PER_ID = 10;
/** Random bytes drawn at once: a call to the system's generator for every id would cost more than the id. */
const POOL_BYTES = 800 * BYTES_PER_ID;
const COUNTER_LIMIT = 0x1000;
const HEX = Buffer.from('0123456789abcdef', 'latin1');
const VARIANTS = ['8', '9', 'a', 'b'] as const;

const pool = Buffer.alloc(POOL_BYTES);
let offset = POOL_BYTES;
/** The id being written: one string is made of it at the end, which is cheaper than joining five. */
const text = Buffer.from('00000000-0000-7000-8000-000000000000', 'latin1');
let milliseconds = 0;
let counter = 0;

function startMillisecond(now: number, at: number): void {
  milliseconds = now;
  // The upper half of the counter stays free for ids of the same millisecond (RFC 9562 6.2, method 1).
  counter = pool.readUInt16BE(at + 8) & 0x7ff;
  const time = now.toString(16).padStart(12, '0');
  text.write(time.slice(0, 8), 0, 'latin1');
  text.write(time.slice(8), 9, 'latin1');
}

function writeByte(byte: number, at: number): void {
  text[at] = HEX[byte >>> 4]!;
  text[at + 1] = HEX[byte & 0xf]!;
}

/**
 * A UUIDv7 in lower case (RFC 9562 5.7): 48 bits of milliseconds, a 12-bit counter, 62 random bits. Each id sorts after
 * the one before it in this process, also when the clock steps back.
 */
export function uuidv7(): string {
  if (offset === POOL_BYTES) {
    randomFillSync(pool);
    offset = 0;
  }
  const at = offset;
  offset += BYTES_PER_ID;
  const now = Date.now();
  if (now > milliseconds) startMillisecond(now, at);
  else if (++counter === COUNTER_LIMIT) startMillisecond(milliseconds + 1, at);
  text[15] = HEX[counter >>> 8]!;
  writeByte(counter & 0xff, 16);
  writeByte((pool[at]! & 0x3f) | 0x80, 19);
  writeByte(pool[at + 1]!, 21);
  for (let index = 0; index < 6; index++) writeByte(pool[at + 2 + index]!, 24 + 2 * index);
  return text.toString('latin1');
}

/** When a UUIDv7 was made, in milliseconds since the epoch. */
export function uuidv7Time(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The same UUIDv7 for the same time and material, wherever it is asked: its random bits are SHA-256 of the material. */
export function derivedUuidv7(time: number, material: string): string {
  const digest = hash('sha256', material, 'hex');
  const begin = time.toString(16).padStart(12, '0');
  const variant = VARIANTS[Number.parseInt(digest[0]!, 16) & 3]!;
  return `${begin.slice(0, 8)}-${begin.slice(8)}-7${digest.slice(1, 4)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}
