/**
 * Records -> rows, one transaction a batch, together with how far the source was read. Doing it again changes nothing:
 * identical records are dropped, contradicting ones kept aside as evidence of their own, broken ones with the reason.
 */
import { createHash } from 'node:crypto';
import { MAX_BATCH_CHARACTERS, MAX_BATCH_RECORDS, MAX_PAYLOAD_BYTES, MAX_REJECTED_CHARACTERS } from '../limits.js';
import { blob, isConstraint, type Database } from '../store/database.js';
import type { Dictionary } from '../store/dictionary.js';
import { insertEvents } from './event-rows.js';
import { addReport, emptyReport, type IngestReport, type LedgerRecord, type SourcePosition } from './records.js';
import { readLine, type EventRow } from './row.js';

export class Ingest {
  readonly #database: Database;
  readonly #dictionary: Dictionary;

  constructor(database: Database, dictionary: Dictionary) {
    this.#database = database;
    this.#dictionary = dictionary;
  }

  /** Any number of records, in batches; `at` is stored with the last of them. */
  add(records: Iterable<LedgerRecord>, at?: SourcePosition): IngestReport {
    const report = emptyReport();
    let batch: LedgerRecord[] = [];
    let characters = 0;
    for (const record of records) {
      batch.push(record);
      characters += sizeOf(record);
      if (batch.length < MAX_BATCH_RECORDS && characters < MAX_BATCH_CHARACTERS) continue;
      addReport(report, this.#batch(batch, at?.source));
      batch = [];
      characters = 0;
    }
    addReport(report, this.#batch(batch, at?.source, at));
    return report;
  }

  #batch(records: readonly LedgerRecord[], source = '', at?: SourcePosition): IngestReport {
    if (records.length === 0 && !at) return emptyReport();
    const rows: EventRow[] = [];
    const others: Exclude<LedgerRecord, { kind: 'event' }>[] = [];
    for (const record of records) {
      if (record.kind !== 'event') others.push(record);
      else {
        const row = readLine(record.line);
        if ('reason' in row) others.push({ kind: 'broken', content: record.line, reason: row.reason });
        else rows.push(row);
      }
    }
    const write = (careful: boolean): IngestReport =>
      this.#database.transaction(() => {
        const report = emptyReport();
        if (careful) for (const row of rows) this.#carefully(row, report);
        else this.#quickly(rows, report);
        for (const other of others) this.#other(other, source, report);
        this.#dictionary.writeCounts();
        if (at) this.#database.run('INSERT OR REPLACE INTO positions VALUES (?, ?)', [at.source, at.position]);
        return report;
      });
    try {
      return write(false);
    } catch (error) {
      this.#dictionary.forget();
      if (!isConstraint(error)) throw error;
    }
    try {
      return write(true);
    } catch (error) {
      this.#dictionary.forget();
      throw error;
    }
  }

  #quickly(rows: readonly EventRow[], report: IngestReport): void {
    insertEvents(this.#database, this.#dictionary, rows, this.#nextKey());
    report.events += rows.length;
  }

  #carefully(row: EventRow, report: IngestReport): void {
    const same = `SELECT l.line FROM events e JOIN lines l ON l.key = e.key WHERE e.id = ?
      UNION SELECT l.line FROM events e JOIN lines l ON l.key = e.key WHERE e.stream = (SELECT key FROM streams WHERE id = ?) AND e.seq = ?`;
    const found = this.#database.all<{ line: string }>(same, [Buffer.from(row.id.replaceAll('-', ''), 'hex'), row.stream, row.seq]);
    if (found.length === 0) this.#quickly([row], report);
    else if (found.some(({ line }) => line === row.line)) report.duplicates += 1;
    else this.#conflict('event', row.stream, row.seq, row.id, row.line, report);
  }

  #other(record: Exclude<LedgerRecord, { kind: 'event' }>, source: string, report: IngestReport): void {
    switch (record.kind) {
      case 'payload':
        return this.#payload(record, source, report);
      case 'checkpoint':
        return this.#checkpoint(record.stream, record.note, report);
      case 'broken':
        return this.#reject(record.content, record.reason, source, report);
    }
  }

  #payload({ stream, record, ciphertext }: Extract<LedgerRecord, { kind: 'payload' }>, source: string, report: IngestReport): void {
    if (ciphertext.length > MAX_PAYLOAD_BYTES) {
      return this.#reject(`${stream} ${record}`, `the payload record is larger than ${MAX_PAYLOAD_BYTES} bytes`, source, report);
    }
    const found = this.#database.get('SELECT ciphertext FROM payloads WHERE stream = ? AND record = ?', [stream, record]);
    if (!found) {
      this.#database.run('INSERT INTO payloads VALUES (?, ?, ?)', [stream, record, ciphertext]);
      report.payloads += 1;
    } else if (blob(found['ciphertext']).equals(ciphertext)) report.duplicates += 1;
    else this.#conflict('payload', stream, record, '', ciphertext, report);
  }

  #checkpoint(stream: string, note: string, report: IngestReport): void {
    const found = this.#database.get('SELECT key FROM checkpoints WHERE stream = ? AND note = ?', [stream, note]);
    if (found) report.duplicates += 1;
    else {
      this.#database.run('INSERT INTO checkpoints (stream, note) VALUES (?, ?)', [stream, note]);
      report.checkpoints += 1;
    }
  }

  #conflict(
    kind: 'event' | 'payload',
    stream: string,
    seq: number,
    event: string,
    content: string | Uint8Array,
    report: IngestReport,
  ): void {
    const insert = 'INSERT OR IGNORE INTO conflicts (kind, stream, seq, event, sha256, content) VALUES (?, ?, ?, ?, ?, ?)';
    this.#database.run(insert, [kind, stream, seq, event, digest(content), Buffer.from(content as Uint8Array)]);
    report.conflicts += 1;
  }

  #reject(content: string, reason: string, source: string, report: IngestReport): void {
    const insert = 'INSERT OR IGNORE INTO rejected (source, reason, sha256, content) VALUES (?, ?, ?, ?)';
    this.#database.run(insert, [source, reason, digest(content), content.slice(0, MAX_REJECTED_CHARACTERS)]);
    report.rejected += 1;
  }

  #nextKey(): number {
    return (this.#database.get<{ key: number | null }>('SELECT max(key) AS key FROM events')?.key ?? 0) + 1;
  }
}

function sizeOf(record: LedgerRecord): number {
  if (record.kind === 'event') return record.line.length;
  return record.kind === 'payload' ? record.ciphertext.length : 0;
}

function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
