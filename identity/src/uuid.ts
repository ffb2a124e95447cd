import { hash, randomFillSync } from 'node:crypto';

/** Random bytes drawn at once; a call to the generator of the system for every id would cost more than the id. */
const POOL_BYTES = 800 * 10;
/** 62 bits for the id and 11 to start a millisecond's counter. */
const HEX_PER_ID = 20;
const COUNTER_LIMIT = 0x1000;
const VARIANTS = ['8', '9', 'a', 'b'] as const;

const pool = Buffer.alloc(POOL_BYTES);
const counters = Array.from({ length: COUNTER_LIMIT }, (_, count) => count.toString(16).padStart(3, '0'));
let poolText = '';
let offset = POOL_BYTES * 2;
let milliseconds = 0;
let counter = 0;
let prefix = '';

function startMillisecond(now: number, random: number): void {
  milliseconds = now;
  // The upper half of the counter stays free for ids of the same millisecond (RFC 9562 6.2, method 1).
  counter = random & 0x7ff;
  const time = now.toString(16).padStart(12, '0');
  prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`;
}

/**
 * A UUIDv7 in lower case (RFC 9562 5.7): 48 bits of milliseconds, a 12-bit counter, 62 random bits. Each id sorts after
 * the one before it in this process, also when the clock steps back.
 */
export function uuidv7(): string {
  if (offset === POOL_BYTES * 2) {
    randomFillSync(pool);
    poolText = pool.toString('hex');
    offset = 0;
  }
  const at = offset;
  offset += HEX_PER_ID;
  const byte = at / 2;
  const now = Date.now();
  if (now > milliseconds) startMillisecond(now, pool.readUInt16BE(byte + 8));
  else if (++counter === COUNTER_LIMIT) startMillisecond(milliseconds + 1, pool.readUInt16BE(byte + 8));
  const variant = VARIANTS[pool[byte]! >>> 6]!;
  // Slices under 13 characters are copies: an id does not keep the pool's text alive.
  return `${prefix}${counters[counter]!}-${variant}${poolText.slice(at + 1, at + 4)}-${poolText.slice(at + 4, at + 16)}`;
}

/** When a UUIDv7 was made, in milliseconds since the epoch. */
export function uuidv7Time(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The same UUIDv7 for the same time and material, wherever it is asked: its random bits are SHA-256 of the material. */
export function derivedUuidv7(time: number, material: string): string {
  const digest = hash('sha256', material, 'hex');
  const text = time.toString(16).padStart(12, '0');
  const variant = VARIANTS[Number.parseInt(digest[0]!, 16) & 3]!;
  return `${text.slice(0, 8)}-${text.slice(8)}-7${digest.slice(1, 4)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}
