/** How far a spool was shipped or ingested, kept beside it, so that whoever goes on after a crash knows. */
import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SpoolPosition } from './folder.js';

/** `shipped`: Kafka has it; the shipper's own. `ingested`: a ledger holds it durably, and it verified; the ledger's to the sidecar. */
const FILES = { shipped: 'shipped.json', ingested: 'ingested.json' } as const;
export type PositionFile = keyof typeof FILES;

/** The position last written; empty where there is none or it cannot be read, which repeats records and loses none. */
export function readPosition(dir: string, which: PositionFile): SpoolPosition {
  try {
    const position: unknown = JSON.parse(readFileSync(join(dir, FILES[which]), 'utf8'));
    return isPosition(position) ? position : {};
  } catch {
    return {};
  }
}

/** Atomic and durable: a crash leaves the old position or the new one. */
export function writePosition(dir: string, which: PositionFile, position: SpoolPosition): void {
  const draft = join(dir, `${FILES[which]}.new`);
  const fd = openSync(draft, 'w', 0o600);
  try {
    writeSync(fd, JSON.stringify(position));
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, join(dir, FILES[which]));
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function isPosition(value: unknown): value is SpoolPosition {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((bytes) => Number.isSafeInteger(bytes) && (bytes as number) >= 0);
}
