/** How far the spool was acknowledged, kept beside it, so that a restarted sidecar goes on where it was. */
import { closeSync, fdatasyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SpoolPosition } from '@cairn/audit';

const NAME = 'shipped.json';

/** The position last written; empty where there is none or it cannot be read, which repeats records and loses none. */
export function readPosition(dir: string): SpoolPosition {
  try {
    const position: unknown = JSON.parse(readFileSync(join(dir, NAME), 'utf8'));
    return isPosition(position) ? position : {};
  } catch {
    return {};
  }
}

/** Atomic: a crash leaves the old position or the new one. */
export function writePosition(dir: string, position: SpoolPosition): void {
  const draft = join(dir, `${NAME}.new`);
  const fd = openSync(draft, 'w', 0o600);
  try {
    writeSync(fd, JSON.stringify(position));
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, join(dir, NAME));
}

function isPosition(value: unknown): value is SpoolPosition {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((bytes) => Number.isSafeInteger(bytes) && (bytes as number) >= 0);
}
