/** A ledger as one file: a header, then every event's line in order of time. Of one snapshot, whoever writes meanwhile. */
import { join } from 'node:path';
import { exportHeader, type CertificateTrust } from '@cairn/audit';
import type { Ledger } from '../ledger.js';
import type { Database } from '../store/database.js';
import { LEDGER_FILES, openDatabase } from '../store/folder.js';
import { byTime, checkpoints } from './scan.js';
import { readTrust } from './trust.js';

/** Lines without newlines. `trust` defaults to the folder's trust.json. Throws LedgerError. */
export function* exportLines(ledger: Ledger, options: { trust?: CertificateTrust | undefined } = {}): Generator<string> {
  const { issuer, jwks } = options.trust ?? readTrust(join(ledger.folder, LEDGER_FILES.trust));
  const database = openDatabase(ledger.folder, false);
  try {
    database.exec('BEGIN');
    const events = database.get<{ n: number }>('SELECT count(*) AS n FROM events')!.n;
    yield exportHeader({ issuer, jwks, checkpoints: latestCheckpoints(database), events });
    for (const { line } of byTime(database)) yield line;
  } finally {
    database.close();
  }
}

function latestCheckpoints(database: Database): string[] {
  const latest = new Map<string, { size: number; note: string }>();
  for (const { stream, note } of checkpoints(database)) {
    // tlog-checkpoint: origin, size, root, one a line. What is no number counts as the smallest; the verifier says what is wrong.
    const size = Number(note.split('\n', 2)[1]) || 0;
    const known = latest.get(stream);
    if (!known || size > known.size) latest.set(stream, { size, note });
  }
  return [...latest.values()].map(({ note }) => note);
}
