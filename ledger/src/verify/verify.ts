/** Verification of a whole ledger: every stream by seq, every payload, every checkpoint, and what ingest kept aside. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditEvent, createVerifier, type CertificateTrust, type Finding, type Report, type WitnessEntry } from '@cairn/audit';
import type { Ledger } from '../ledger.js';
import { readLine } from '../ingest/row.js';
import { LAST_PAGE_ROWS } from '../limits.js';
import type { Database } from '../store/database.js';
import { LEDGER_FILES, openDatabase } from '../store/folder.js';
import { IndexedColumns } from './columns.js';
import { byStream, checkpoints, pages, payloads, type ScannedEvent } from './scan.js';
import { readTrust, readWitness } from './trust.js';

export interface VerifyOptions {
  /** Default: the folder's trust.json; without one certificates count as `unknown`. */
  trust?: CertificateTrust | undefined;
  /** Default: the folder's witness.jsonl. */
  witness?: readonly WitnessEntry[] | undefined;
  /** Told the number of records so far. */
  onProgress?: ((records: number) => void) | undefined;
}

/** Records between two turns of the event loop. */
const YIELD_RECORDS = 4096;

/** Never throws for evidence, only LedgerError for unreadable trust or witness files. */
export async function verifyLedger(ledger: Ledger, options: VerifyOptions = {}): Promise<Report> {
  const database = openDatabase(ledger.folder, false);
  try {
    // One snapshot, whoever writes meanwhile.
    database.exec('BEGIN');
    return await verifyDatabase(database, ledger.folder, options);
  } finally {
    database.close();
  }
}

async function verifyDatabase(database: Database, folder: string, options: VerifyOptions): Promise<Report> {
  const verifier = createVerifier({
    trust: options.trust ?? fromFolder(folder, LEDGER_FILES.trust, readTrust),
    witness: options.witness ?? fromFolder(folder, LEDGER_FILES.witness, readWitness),
  });
  const indexed: Finding[] = [];
  const columns = new IndexedColumns(database);
  let records = 0;
  const step = async (): Promise<void> => {
    records += 1;
    options.onProgress?.(records);
    if (records % YIELD_RECORDS === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  for (const { note } of checkpoints(database)) verifier.checkpoint(note);
  for (const row of byStream(database)) {
    const event = verifier.event(row.line, `row ${row.key}`);
    const misled = event && misleads(row, columns);
    if (event && misled !== undefined) indexed.push(misleading(row, event, misled));
    await step();
  }
  for (const { stream, record, ciphertext } of payloads(database)) {
    verifier.payload(stream, record, ciphertext);
    await step();
  }
  return withFindings(await verifier.finish(), [...indexed, ...keptAside(database)]);
}

function fromFolder<T>(folder: string, name: string, read: (file: string) => T): T | undefined {
  const file = join(folder, name);
  return existsSync(file) ? read(file) : undefined;
}

/** What of the index says otherwise than the line, which hides the event from searches. */
function misleads(row: ScannedEvent, columns: IndexedColumns): string | undefined {
  const said = readLine(row.line);
  if ('reason' in said) return 'kind of record';
  const { id, stream, seq, time } = said;
  if (row.id !== id.replaceAll('-', '') || row.stream !== stream || row.seq !== seq || row.time !== String(time)) return 'place or time';
  return columns.difference(row, said);
}

function misleading(row: ScannedEvent, { id, integrity: { stream, seq } }: AuditEvent, what: string): Finding {
  const sentence = `the ledger's index has another ${what} for event ${id} than its line says: the index was altered`;
  return { kind: 'altered', stream, seq, event: id, where: `row ${row.key}`, sentence };
}

interface Aside {
  key: number;
  kind: string;
  stream: string;
  seq: number;
  event: string;
}

/** What ingest met that contradicts the ledger or was no evidence at all. */
function* keptAside(database: Database): Generator<Finding> {
  const conflicts = 'SELECT key, kind, stream, seq, event FROM conflicts WHERE key > ? ORDER BY key LIMIT ?';
  for (const { key, kind, stream, seq, event } of pages<Aside>(database, conflicts, [0], (row) => [row.key], LAST_PAGE_ROWS)) {
    const what = kind === 'event' ? `event ${event} (seq ${seq})` : `payload record ${seq}`;
    const sentence = `${what} of stream ${stream} came twice with different content: one of the two was altered`;
    yield { kind: 'altered', stream, seq, ...(event === '' ? {} : { event }), where: `conflicts row ${key}`, sentence };
  }
  const rejected = 'SELECT key, source, reason FROM rejected WHERE key > ? ORDER BY key LIMIT ?';
  for (const row of pages<{ key: number; source: string; reason: string }>(database, rejected, [0], ({ key }) => [key], LAST_PAGE_ROWS)) {
    const sentence = `a record of ${row.source || 'an unnamed source'} was no evidence: ${row.reason}`;
    yield { kind: 'altered', where: `rejected row ${row.key}`, sentence };
  }
}

/** Findings that are listed; beyond them they are counted, as in audit's report. */
const MAX_FINDINGS = 1_000;

function withFindings(report: Report, more: Finding[]): Report {
  if (more.length === 0) return report;
  const all = [...report.integrity.findings, ...more];
  const findings = all.slice(0, MAX_FINDINGS);
  return { ...report, integrity: { held: false, findings, more: report.integrity.more + all.length - findings.length } };
}
