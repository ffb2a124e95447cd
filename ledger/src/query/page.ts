/**
 * One page of events in order of time, by keyset: every statement walks one index, forwards or backwards, from where
 * the last page ended. Several values of one column are merged in order without sorting.
 */
import { MAX_MERGED_VALUES, MAX_PROBED_VALUES } from '../limits.js';
import type { Bind } from '../store/database.js';
import type { Condition, ResolvedFilter } from './filter.js';

export type Order = 'newest' | 'oldest';

/** Where a page ended. */
export interface Cursor {
  readonly time: bigint;
  readonly key: number;
}

export interface Statement {
  readonly sql: string;
  readonly binds: Bind[];
}

/** Selects key, time (text: nanoseconds do not fit a double) and line of up to `rows` events after `cursor`. */
export function pageStatement(filter: ResolvedFilter, order: Order, cursor: Cursor | undefined, rows: number): Statement {
  const [driver, ...others] = filter.conditions;
  const direction = order === 'newest' ? 'DESC' : 'ASC';
  const sorted = `ORDER BY time ${direction}, key ${direction}`;
  const inner = driver ? byColumn(driver, others, filter, order, cursor, rows) : byTime(filter, order, cursor, rows);
  const sql = `SELECT p.key, CAST(p.time AS TEXT) AS time, l.line FROM (${inner.sql}) p JOIN lines l ON l.key = p.key
    ORDER BY p.time ${direction}, p.key ${direction}`;
  return { sql: sql.replaceAll('$sorted', sorted), binds: inner.binds };
}

function byTime(filter: ResolvedFilter, order: Order, cursor: Cursor | undefined, rows: number): Statement {
  const where = timeBounds(filter, order, cursor);
  const conditions = where.length > 0 ? `WHERE ${where.map(({ sql }) => sql).join(' AND ')}` : '';
  const sql = `SELECT key, time FROM events INDEXED BY events_time ${conditions} $sorted LIMIT ?`;
  return { sql, binds: [...where.flatMap(({ binds }) => binds), rows] };
}

function byColumn(
  driver: Condition,
  others: readonly Condition[],
  filter: ResolvedFilter,
  order: Order,
  cursor: Cursor | undefined,
  rows: number,
): Statement {
  const rest = [...timeBounds(filter, order, cursor), ...others.map(holds)];
  const tail = rest.map(({ sql }) => ` AND ${sql}`).join('');
  const binds = rest.flatMap((part) => part.binds);
  const one = (value: string): string =>
    `SELECT key, time FROM events INDEXED BY events_${driver.column} WHERE ${driver.column} = ${value}${tail}`;
  if (driver.keys.length === 1) return { sql: `${one('?')} $sorted LIMIT ?`, binds: [driver.keys[0]!, ...binds, rows] };
  if (driver.keys.length <= MAX_MERGED_VALUES) {
    const arms = driver.keys.map(() => one('?')).join(' UNION ALL ');
    return { sql: `${arms} $sorted LIMIT ?`, binds: [...driver.keys.flatMap((key) => [key, ...binds]), rows] };
  }
  const each = `SELECT e.key, e.time FROM json_each(?) v CROSS JOIN events e WHERE e.key IN (SELECT key FROM (${one('v.value')} $sorted LIMIT ?))`;
  return { sql: `SELECT key, time FROM (${each}) $sorted LIMIT ?`, binds: [JSON.stringify(driver.keys), ...binds, rows, rows] };
}

/**
 * The same event in the other column's index, which holds all that is asked: of a walk whose events seldom hold the other
 * condition too, the rows themselves, each on a page of its own, are never read. With many values the row is nearer.
 */
function holds(condition: Condition): Statement {
  const { column, keys } = condition;
  if (keys.length > MAX_PROBED_VALUES) return isOneOf(condition);
  const probe = `EXISTS (SELECT 1 FROM events o INDEXED BY events_${column} WHERE o.${column} = ? AND o.time = events.time AND o.key = events.key)`;
  return { sql: `(${keys.map(() => probe).join(' OR ')})`, binds: [...keys] };
}

/** The unary plus keeps the planner from starting at this column instead. */
export function isOneOf({ column, keys }: Condition): Statement {
  if (keys.length === 1) return { sql: `+${column} = ?`, binds: [keys[0]!] };
  return { sql: `+${column} IN (SELECT value FROM json_each(?))`, binds: [JSON.stringify(keys)] };
}

function timeBounds(filter: ResolvedFilter, order: Order, cursor: Cursor | undefined): Statement[] {
  // A cursor lies within the bound that it moves away from: with both, the planner could start at the wrong one.
  const bounds: Statement[] = [];
  if (filter.since !== undefined && !(cursor && order === 'oldest')) bounds.push({ sql: 'time >= ?', binds: [filter.since] });
  if (filter.until !== undefined && !(cursor && order === 'newest')) bounds.push({ sql: 'time < ?', binds: [filter.until] });
  if (cursor) {
    const [outer, inner] = order === 'newest' ? ['<=', '<'] : ['>=', '>'];
    bounds.push({ sql: `time ${outer} ? AND (time ${inner} ? OR key ${inner} ?)`, binds: [cursor.time, cursor.time, cursor.key] });
  }
  return bounds;
}
