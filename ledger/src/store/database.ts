/**
 * The one place that knows libsql. Its quirks, each seen: a bound boolean aborts the process; numbers are bound as
 * REAL (INTEGER affinity turns them back); blobs come back as ArrayBuffer; `get` adds `_metadata` and ignores `pluck`;
 * an iterator that is left early keeps its read lock. So: a closed set of bind types, and pages instead of iterators.
 */
import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import Libsql from 'libsql';
import { BUSY_TIMEOUT_MS } from '../limits.js';

export type Bind = string | number | bigint | null | Uint8Array;
export type Row = Record<string, unknown>;

type Prepared = ReturnType<Libsql.Database['prepare']>;

export class Database {
  readonly #connection: Libsql.Database;
  readonly #statements = new Map<string, Prepared>();

  /** Opens or creates the file. Throws the driver's SqliteError. */
  constructor(private readonly file: string) {
    this.#connection = new Libsql(file, { timeout: BUSY_TIMEOUT_MS });
    this.#connection.exec('PRAGMA page_size = 8192');
    this.#connection.pragma('journal_mode = WAL');
    this.#connection.exec('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF');
  }

  exec(sql: string): void {
    this.#connection.exec(sql);
  }

  run(sql: string, binds: readonly Bind[] = []): void {
    this.#prepare(sql).run(binds);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a row's shape is known where its SQL stands
  all<T = Row>(sql: string, binds: readonly Bind[] = []): T[] {
    return this.#prepare(sql).all(binds) as T[];
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the row, as in `all`
  get<T = Row>(sql: string, binds: readonly Bind[] = []): T | undefined {
    return this.all<T>(sql, binds)[0];
  }

  /** Runs `work` in one write transaction; rolled back when it throws. */
  transaction<T>(work: () => T): T {
    this.#connection.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#connection.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK');
      throw error;
    }
  }

  /** What was committed survives the machine from here on: with synchronous = NORMAL a commit is only in the page cache. */
  sync(): void {
    for (const path of [`${this.file}-wal`, this.file]) syncFile(path);
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }

  #prepare(sql: string): Prepared {
    let statement = this.#statements.get(sql);
    if (!statement) {
      if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Prepared statements that one connection keeps. */
const MAX_STATEMENTS = 256;

/** A blob as the driver gives it. */
export function blob(value: unknown): Buffer {
  return Buffer.from(value as ArrayBuffer);
}

/** Whether an insert met a row that is there already. */
export function isConstraint(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith('SQLITE_CONSTRAINT');
}

function syncFile(path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
