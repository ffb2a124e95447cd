/** Searching events: pages of a walk along one index, handed out one by one, never all in memory. */
import { FIRST_PAGE_ROWS, LAST_PAGE_ROWS, NARROW_EVENTS } from '../limits.js';
import { eventText } from '../ingest/row.js';
import type { AuditEvent } from '@cairn/audit';
import type { Database } from '../store/database.js';
import { resolveFilter, type QueryFilter, type ResolvedFilter } from './filter.js';
import { pageStatement, type Cursor, type Order } from './page.js';
import { textMatches } from './text.js';

export interface QueryOptions extends QueryFilter {
  /** Events; none: all. */
  limit?: number | undefined;
  /** By time; newest first is the default. */
  order?: Order | undefined;
}

export interface StoredEvent {
  /** The event's canonical line, byte for byte as it was written. */
  readonly line: string;
  readonly event: AuditEvent;
}

/** Throws QueryError for a time that is none. */
export function* queryEvents(database: Database, options: QueryOptions): Generator<StoredEvent> {
  const { limit = Number.MAX_SAFE_INTEGER, order = 'newest' } = options;
  const filter = resolveFilter(database, options);
  if (!filter || limit <= 0) return;
  let left = limit;
  for (const line of matchingLines(database, filter, order, limit)) {
    const event = JSON.parse(line) as AuditEvent;
    if (filter.search && !filter.search.matches(eventText(event))) continue;
    yield { line, event };
    if (--left === 0) return;
  }
}

function* matchingLines(database: Database, filter: ResolvedFilter, order: Order, limit: number): Generator<string> {
  const narrow = filter.conditions[0] !== undefined && filter.conditions[0].events <= NARROW_EVENTS;
  if (!filter.search || narrow) yield* walk(database, filter, order, limit);
  else {
    for (const { key } of textMatches(database, filter, filter.search.expression, order, limit)) {
      const row = database.get<{ line: string }>('SELECT line FROM lines WHERE key = ?', [key]);
      if (row) yield row.line;
    }
  }
}

function* walk(database: Database, filter: ResolvedFilter, order: Order, limit: number): Generator<string> {
  let cursor: Cursor | undefined;
  for (let size = Math.min(FIRST_PAGE_ROWS, limit); ; size = Math.min(size * 2, LAST_PAGE_ROWS)) {
    const { sql, binds } = pageStatement(filter, order, cursor, size);
    const rows = database.all<{ key: number; time: string; line: string }>(sql, binds);
    for (const row of rows) yield row.line;
    const last = rows.at(-1);
    if (!last || rows.length < size) return;
    cursor = { time: BigInt(last.time), key: last.key };
  }
}
