/** The files beside the evidence that verification leans on: whose certificates count, what a witness saw. */
import { readFileSync, statSync } from 'node:fs';
import type { CertificateTrust, WitnessEntry } from '@cairn/audit';
import { MAX_SIDE_FILE_BYTES } from '../limits.js';
import { LedgerError } from '../store/folder.js';

/** Reads `{issuer, jwks}`. Throws LedgerError. */
export function readTrust(file: string): CertificateTrust {
  const value = parse(read(file), file, 1) as Partial<CertificateTrust> | null;
  if (typeof value?.issuer === 'string' && Array.isArray(value.jwks?.keys)) return value as CertificateTrust;
  throw new LedgerError('unreadable', `${file} is no trust file: it is one JSON object {"issuer": ..., "jwks": {"keys": [...]}}`);
}

/** Reads a witness registry: one JSON object `{stream, size, root, time}` a line. Throws LedgerError. */
export function readWitness(file: string): WitnessEntry[] {
  const entries: WitnessEntry[] = [];
  for (const [index, line] of read(file).split('\n').entries()) {
    if (line.trim() === '') continue;
    const entry = parse(line, file, index + 1) as Partial<WitnessEntry> | null;
    if (typeof entry?.stream !== 'string' || !Number.isSafeInteger(entry.size) || typeof entry.root !== 'string') {
      throw new LedgerError('unreadable', `${file}, line ${index + 1}: a witness entry has stream, size, root and time`);
    }
    entries.push(entry as WitnessEntry);
  }
  return entries;
}

function read(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MAX_SIDE_FILE_BYTES) throw new LedgerError('too-large', `${file} is larger than ${MAX_SIDE_FILE_BYTES} bytes`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    throw new LedgerError('missing', `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`, { cause: error });
  }
}

function parse(text: string, file: string, line: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new LedgerError('unreadable', `${file}, line ${line} is not JSON`, { cause });
  }
}
