/**
 * The hash chain. An event's line is its canonical JSON; its hash is SHA-256 over the same line without the member
 * `integrity.hash`. Keys sort, so both are built and taken apart as text, without a second serialisation.
 */
import { hash } from 'node:crypto';
import type { Integrity } from './event.js';

/** `prev` of a stream's first event. */
export const GENESIS = '0'.repeat(64);

export const OPEN = ',"integrity":{';

/** Hex SHA-256 of a string's UTF-8 or of bytes. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** What stands in the line after `,"integrity":{` and, in the line proper, after the hash. */
export function linkText(prev: string, seq: number, stream: string): string {
  return `"prev":"${prev}","seq":${seq},"stream":"${stream}"},`;
}

/**
 * The hash that a canonical line should carry, or undefined where the line does not hold `integrity` as parsed.
 * Sound even if the same text also stands deeper in the event: only cutting the hash out of the member that was parsed
 * leaves bytes with that hash.
 */
export function lineHash(line: string, integrity: Integrity): string | undefined {
  const start = line.indexOf(`${OPEN}"hash":"${integrity.hash}",${linkText(integrity.prev, integrity.seq, integrity.stream)}`);
  if (start < 0) return undefined;
  const cut = start + OPEN.length;
  return hash('sha256', line.slice(0, cut) + line.slice(cut + '"hash":"",'.length + integrity.hash.length), 'hex');
}
