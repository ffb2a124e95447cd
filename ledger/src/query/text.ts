/**
 * Full text. The word index gives matches in order of arrival, which is nearly the order of time; `arrivals` bounds how
 * new (or old) anything further back can be, so that the newest matches are known after a few pages, however many there are.
 */
import { FIRST_PAGE_ROWS, TEXT_PAGE_ROWS } from '../limits.js';
import type { Database } from '../store/database.js';
import type { ResolvedFilter } from './filter.js';
import { isOneOf, type Cursor, type Order, type Statement } from './page.js';

interface Match {
  key: number;
  time: bigint;
}

/** Matches in order of time. `limit` bounds what is held. */
export function* textMatches(
  database: Database,
  filter: ResolvedFilter,
  expression: string,
  order: Order,
  limit: number,
): Generator<Cursor> {
  const before = order === 'newest' ? (a: Match, b: Match) => byTime(b, a) : byTime;
  let held: Match[] = [];
  let bound = order === 'newest' ? Number.MAX_SAFE_INTEGER : 0;
  let given = 0;
  for (let size = FIRST_PAGE_ROWS; ; size = Math.min(size * 2, TEXT_PAGE_ROWS)) {
    const { sql, binds } = matchStatement(filter, expression, order, bound, size);
    const rows = database.all<{ key: number; time: string; fits: number }>(sql, binds);
    for (const row of rows) if (row.fits) held.push({ key: row.key, time: BigInt(row.time) });
    held.sort(before);
    held.length = Math.min(held.length, limit - given);
    bound = rows.at(-1)?.key ?? bound;
    const horizon = rows.length < size ? undefined : timeHorizon(database, order, bound);
    const known =
      horizon === undefined ? held.length : held.findIndex(({ time }) => (order === 'newest' ? time <= horizon : time >= horizon));
    const count = known < 0 ? held.length : known;
    yield* held.slice(0, count);
    given += count;
    held = held.slice(count);
    if (given >= limit || horizon === undefined || outside(filter, order, horizon)) return yield* held;
  }
}

function byTime(a: Match, b: Match): number {
  return a.time === b.time ? a.key - b.key : a.time < b.time ? -1 : 1;
}

/** One step through the word index: every match after `bound`, with whether the other conditions hold too. */
export function matchStatement(filter: ResolvedFilter, expression: string, order: Order, bound: number, size: number): Statement {
  const fits: Statement[] = filter.conditions.map(isOneOf);
  if (filter.since !== undefined) fits.push({ sql: '+time >= ?', binds: [filter.since] });
  if (filter.until !== undefined) fits.push({ sql: '+time < ?', binds: [filter.until] });
  const [after, direction] = order === 'newest' ? ['<', 'DESC'] : ['>', 'ASC'];
  const sql = `SELECT w.rowid AS key, CAST(e.time AS TEXT) AS time, coalesce(${fits.map((fit) => fit.sql).join(' AND ') || '1'}, 0) AS fits
    FROM words w CROSS JOIN events e ON e.key = w.rowid WHERE words MATCH ? AND w.rowid ${after} ? ORDER BY w.rowid ${direction} LIMIT ?`;
  return { sql, binds: [...fits.flatMap(({ binds }) => binds), expression, bound, size] };
}

/** The newest (oldest) time that any key beyond `bound` may have; undefined where there is none. */
function timeHorizon(database: Database, order: Order, bound: number): bigint | undefined {
  const sql =
    order === 'newest'
      ? 'SELECT CAST(newest AS TEXT) AS time FROM arrivals WHERE first < ? ORDER BY first DESC LIMIT 1'
      : 'SELECT CAST(min(oldest) AS TEXT) AS time FROM arrivals WHERE first >= (SELECT max(first) FROM arrivals WHERE first <= ?)';
  const time = database.get<{ time: string | null }>(sql, [bound])?.time;
  return time === null || time === undefined ? undefined : BigInt(time);
}

function outside(filter: ResolvedFilter, order: Order, horizon: bigint): boolean {
  if (order === 'newest') return filter.since !== undefined && horizon < filter.since;
  return filter.until !== undefined && horizon >= filter.until;
}
