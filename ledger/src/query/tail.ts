/** Follows a ledger: events as they arrive, from those that come after the call. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEvent } from '@cairn/audit';
import { LAST_PAGE_ROWS, TAIL_INTERVAL_MS } from '../limits.js';
import { eventText } from '../ingest/row.js';
import type { Bind, Database } from '../store/database.js';
import { resolveFilter, type QueryFilter } from './filter.js';
import { isOneOf } from './page.js';
import type { StoredEvent } from './query.js';

/** Ends when `signal` is aborted. One look at the database every TAIL_INTERVAL_MS, one page held. */
export async function* tailEvents(database: Database, filter: QueryFilter, signal: AbortSignal): AsyncGenerator<StoredEvent> {
  let seen = lastKey(database);
  while (!signal.aborted) {
    const end = lastKey(database);
    while (seen < end) {
      const { events, last } = arrived(database, filter, seen, end);
      yield* events;
      seen = last;
    }
    await delay(TAIL_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

function lastKey(database: Database): number {
  return database.get<{ key: number | null }>('SELECT max(key) AS key FROM events')?.key ?? 0;
}

/** The next page of keys after `seen`. Names are resolved anew each time: new ones appear. */
function arrived(database: Database, filter: QueryFilter, seen: number, end: number): { events: StoredEvent[]; last: number } {
  const resolved = resolveFilter(database, filter);
  if (!resolved) return { events: [], last: end };
  const last = Math.min(end, seen + LAST_PAGE_ROWS);
  const conditions = resolved.conditions.map(isOneOf);
  const where = conditions.map(({ sql }) => ` AND ${sql}`).join('');
  const sql = `SELECT l.line FROM events e CROSS JOIN lines l ON l.key = e.key WHERE e.key > ? AND e.key <= ?${where} ORDER BY e.key`;
  const binds: Bind[] = [seen, last, ...conditions.flatMap((condition) => condition.binds)];
  const events = database.all<{ line: string }>(sql, binds).map(({ line }) => ({ line, event: JSON.parse(line) as AuditEvent }));
  const { search } = resolved;
  return { events: search ? events.filter(({ event }) => search.matches(eventText(event))) : events, last };
}
