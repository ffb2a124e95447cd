/** Everything that a ledger holds, in the order that verification and export want, one page in memory. */
import { LAST_PAGE_ROWS, PAYLOAD_PAGE_ROWS } from '../limits.js';
import { blob, type Bind, type Database } from '../store/database.js';

export interface ScannedEvent {
  key: number;
  stream: string;
  seq: number;
  /** Nanoseconds since the epoch, as the index has it. */
  time: string;
  id: string;
  line: string;
}

const SCANNED = 'e.key, s.id AS stream, e.seq, CAST(e.time AS TEXT) AS time, lower(hex(e.id)) AS id, l.line';
const JOINED = 'CROSS JOIN streams s ON s.key = e.stream CROSS JOIN lines l ON l.key = e.key';

/** Stream after stream, each by seq. */
export function* byStream(database: Database): Generator<ScannedEvent> {
  const sql = `SELECT ${SCANNED} FROM events e INDEXED BY events_seq ${JOINED}
    WHERE e.stream = ? AND e.seq > ? ORDER BY e.seq LIMIT ?`;
  for (const { key } of database.all<{ key: number }>('SELECT key FROM streams ORDER BY id')) {
    yield* pages<ScannedEvent>(database, sql, [key, -1], ({ seq }) => [key, seq]);
  }
}

/** By time, then stream, then seq: the order of exports. */
export function* byTime(database: Database): Generator<ScannedEvent> {
  const sql = `SELECT ${SCANNED} FROM events e INDEXED BY events_time ${JOINED}
    WHERE e.time >= ? AND (e.time, s.id, e.seq) > (?, ?, ?) ORDER BY e.time, s.id, e.seq LIMIT ?`;
  yield* pages<ScannedEvent>(database, sql, [LEAST_TIME, LEAST_TIME, '', -1], ({ time, stream, seq }) => [
    BigInt(time),
    BigInt(time),
    stream,
    seq,
  ]);
}

/** Before every time that fits. */
const LEAST_TIME = -(2n ** 63n);

export function checkpoints(database: Database): Generator<{ key: number; stream: string; note: string }> {
  return pages(database, 'SELECT key, stream, note FROM checkpoints WHERE key > ? ORDER BY key LIMIT ?', [0], ({ key }) => [key]);
}

export interface ScannedPayload {
  stream: string;
  record: number;
  ciphertext: Buffer;
}

export function* payloads(database: Database): Generator<ScannedPayload> {
  const sql = 'SELECT stream, record, ciphertext FROM payloads WHERE (stream, record) > (?, ?) ORDER BY stream, record LIMIT ?';
  for (const row of pages<ScannedPayload>(database, sql, ['', -1], ({ stream, record }) => [stream, record], PAYLOAD_PAGE_ROWS)) {
    yield { ...row, ciphertext: blob(row.ciphertext) };
  }
}

/** Pages by keyset: `after` gives the next page's binds from the last row of one. */
export function* pages<T>(
  database: Database,
  sql: string,
  first: Bind[],
  after: (row: T) => Bind[],
  size: number = LAST_PAGE_ROWS,
): Generator<T> {
  for (let binds = first; ;) {
    const rows = database.all<T>(sql, [...binds, size]);
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < size) return;
    binds = after(last);
  }
}
