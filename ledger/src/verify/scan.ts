/** Everything that a ledger holds, in the order that verification and export want, one page in memory. */
import { LAST_PAGE_ROWS, PAYLOAD_PAGE_ROWS } from '../limits.js';
import { blob, type Bind, type Database } from '../store/database.js';
import { INDEXED } from '../store/schema.js';

export interface ScannedEvent {
  key: number;
  stream: string;
  seq: number;
  /** Nanoseconds since the epoch, as the index has it. */
  time: string;
  id: string;
  line: string;
  principal: number | null;
  launch: number | null;
  agent: number | null;
  target: number | null;
  verb: number | null;
  action: number | null;
  session: number | null;
}

const SCANNED = `e.key, s.id AS stream, e.seq, CAST(e.time AS TEXT) AS time, lower(hex(e.id)) AS id, l.line, ${INDEXED.map((column) => `e.${column}`).join(', ')}`;
const JOINED = 'CROSS JOIN streams s ON s.key = e.stream CROSS JOIN lines l ON l.key = e.key';

/** Stream after stream, each by seq. */
export function* byStream(database: Database): Generator<ScannedEvent> {
  const sql = `SELECT ${SCANNED} FROM events e INDEXED BY events_seq ${JOINED}
    WHERE e.stream = ? AND e.seq > ? ORDER BY e.seq LIMIT ?`;
  for (const { key } of database.all<{ key: number }>('SELECT key FROM streams ORDER BY id')) {
    yield* pages<ScannedEvent>(database, sql, [key, -1], ({ seq }) => [key, seq]);
  }
}

/** One stream from `seq` on. */
export function byStreamFrom(database: Database, stream: string, seq: number): Generator<ScannedEvent> {
  const sql = `SELECT ${SCANNED} FROM events e INDEXED BY events_seq ${JOINED}
    WHERE e.stream = (SELECT key FROM streams WHERE id = ?) AND e.seq >= ? ORDER BY e.seq LIMIT ?`;
  return pages<ScannedEvent>(database, sql, [stream, seq], (row) => [stream, row.seq + 1]);
}

/**
 * By time, then stream, then seq, but never out of seq within a stream: two clocks of one sidecar may differ a little, and
 * an event that seems later than its successor is given before it. The order of exports.
 */
export function* byTime(database: Database): Generator<ScannedEvent> {
  const next = new Map<string, number>();
  for (const row of strictlyByTime(database)) {
    const expected = next.get(row.stream) ?? 0;
    if (row.seq < expected) continue;
    if (row.seq > expected) yield* between(database, row.stream, expected, row.seq);
    yield row;
    next.set(row.stream, row.seq + 1);
  }
}

function between(database: Database, stream: string, from: number, to: number): Generator<ScannedEvent> {
  const sql = `SELECT ${SCANNED} FROM events e INDEXED BY events_seq ${JOINED}
    WHERE e.stream = (SELECT key FROM streams WHERE id = ?) AND e.seq >= ? AND e.seq < ? ORDER BY e.seq LIMIT ?`;
  return pages<ScannedEvent>(database, sql, [stream, from, to], ({ seq }) => [stream, seq + 1, to]);
}

function* strictlyByTime(database: Database): Generator<ScannedEvent> {
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

/** Those with a key above `after`. */
export function checkpoints(database: Database, after = 0): Generator<{ key: number; stream: string; note: string }> {
  return pages(database, 'SELECT key, stream, note FROM checkpoints WHERE key > ? ORDER BY key LIMIT ?', [after], ({ key }) => [key]);
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

/** Of one stream, from `record` on. */
export function* payloadsFrom(database: Database, stream: string, record: number): Generator<ScannedPayload> {
  const sql = 'SELECT stream, record, ciphertext FROM payloads WHERE stream = ? AND record >= ? ORDER BY record LIMIT ?';
  for (const row of pages<ScannedPayload>(database, sql, [stream, record], (last) => [stream, last.record + 1], PAYLOAD_PAGE_ROWS)) {
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
