/** A ledger: the folder, its database, and everything that is asked of it. */
import type { AuditEvent } from '@cairn/audit';
import { Ingest } from './ingest/ingest.js';
import type { IngestReport, LedgerRecord, SourcePosition } from './ingest/records.js';
import { chainEvents, newestChain, sessionEvents } from './query/chain.js';
import type { QueryFilter } from './query/filter.js';
import { tailEvents } from './query/tail.js';
import { buildTrail, type Trail } from './query/tree.js';
import { queryEvents, type QueryOptions, type StoredEvent } from './query/query.js';
import { blob, type Database } from './store/database.js';
import { Dictionary } from './store/dictionary.js';
import { LedgerError, openDatabase } from './store/folder.js';

export class Ledger {
  readonly folder: string;
  /** For this package's own modules. */
  readonly database: Database;
  readonly #ingest: Ingest;

  constructor(folder: string, database: Database) {
    this.folder = folder;
    this.database = database;
    this.#ingest = new Ingest(database, new Dictionary(database));
  }

  /** Adds records in batches; idempotent. `at` is stored with the last batch. Never stops at a broken record. */
  ingest(records: Iterable<LedgerRecord>, at?: SourcePosition): IngestReport {
    return this.#ingest.add(records, at);
  }

  /** How far a source was ingested, as it was given with the records. */
  position(source: string): string | undefined {
    return this.database.get<{ position: string }>('SELECT position FROM positions WHERE source = ?', [source])?.position;
  }

  /** Events in order of time, handed out one by one. Throws QueryError. */
  query(options: QueryOptions = {}): Generator<StoredEvent> {
    return queryEvents(this.database, options);
  }

  /** A chain, or what is below one launch, as a tree; without `id` the newest chain. Throws LedgerError. */
  tree(id?: string): Trail {
    return buildTrail(chainEvents(this.database, id ?? this.#newestChain()));
  }

  /** A whole chain, what is below one launch, or one session, in causal order. Throws LedgerError. */
  replay(id?: string): StoredEvent[] {
    const chosen = id ?? this.#newestChain();
    try {
      return chainEvents(this.database, chosen);
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== 'not-found') throw error;
      return sessionEvents(this.database, chosen);
    }
  }

  /** Events that arrive from now on, until `signal` is aborted. */
  tail(filter: QueryFilter, signal: AbortSignal): AsyncGenerator<StoredEvent> {
    return tailEvents(this.database, filter, signal);
  }

  /** One event by its id. */
  event(id: string): StoredEvent | undefined {
    const key = Buffer.from(id.replaceAll('-', ''), 'hex');
    const row = this.database.get<{ line: string }>('SELECT l.line FROM events e JOIN lines l ON l.key = e.key WHERE e.id = ?', [key]);
    return row && { line: row.line, event: JSON.parse(row.line) as AuditEvent };
  }

  /** One event by its place. */
  eventAt(stream: string, seq: number): StoredEvent | undefined {
    const sql =
      'SELECT l.line FROM events e JOIN lines l ON l.key = e.key WHERE e.stream = (SELECT key FROM streams WHERE id = ?) AND e.seq = ?';
    const row = this.database.get<{ line: string }>(sql, [stream, seq]);
    return row && { line: row.line, event: JSON.parse(row.line) as AuditEvent };
  }

  /** Ciphertext of a payload record. */
  payload(stream: string, record: number): Buffer | undefined {
    const row = this.database.get('SELECT ciphertext FROM payloads WHERE stream = ? AND record = ?', [stream, record]);
    return row && blob(row['ciphertext']);
  }

  /** Number of events. */
  size(): number {
    return this.database.get<{ n: number }>('SELECT count(*) AS n FROM events')!.n;
  }

  close(): void {
    this.database.close();
  }

  #newestChain(): string {
    const chain = newestChain(this.database);
    if (chain === undefined) throw new LedgerError('not-found', `${this.folder} holds no launch yet`);
    return chain;
  }
}

/** Opens a ledger folder; with `create` makes it where it is not there yet. Throws LedgerError. */
export function openLedger(folder: string, options: { create?: boolean } = {}): Ledger {
  return new Ledger(folder, openDatabase(folder, options.create ?? false));
}
