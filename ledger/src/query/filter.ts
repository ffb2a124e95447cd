/** What to look for -> which numbers of the index that means, and the column to start from: the one with the fewest events. */
import { nanoseconds } from '../ingest/row.js';
import type { Bind, Database } from '../store/database.js';
import type { IndexedColumn } from '../store/schema.js';
import { textSearch, type TextSearch } from './words.js';

export interface QueryFilter {
  /** Name or subject of the person at the root of the chain. */
  root?: string | undefined;
  /** Group of that person. */
  group?: string | undefined;
  /** `name` or `namespace/name` of the agent. */
  agent?: string | undefined;
  /** Name of the target, or its `host:port`. */
  target?: string | undefined;
  verb?: string | undefined;
  /** Allow, Deny or RequireApproval. */
  decision?: string | undefined;
  launch?: string | undefined;
  chain?: string | undefined;
  session?: string | undefined;
  /** RFC 3339 UTC; inclusive. */
  since?: string | undefined;
  /** RFC 3339 UTC; exclusive. */
  until?: string | undefined;
  /** Words that statement or resources must all hold; a `*` at the end makes the last one a prefix. */
  text?: string | undefined;
}

/** A filter that cannot be understood. */
export class QueryError extends Error {
  readonly code = 'query';
}

export interface Condition {
  readonly column: IndexedColumn;
  readonly keys: readonly number[];
  /** Events of all keys together. */
  readonly events: number;
}

export interface ResolvedFilter {
  /** Fewest events first. */
  readonly conditions: readonly Condition[];
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly search: TextSearch | undefined;
}

/** `undefined`: nothing can match. Throws QueryError. */
export function resolveFilter(database: Database, filter: QueryFilter): ResolvedFilter | undefined {
  const search = filter.text === undefined ? undefined : textSearch(filter.text);
  if (filter.text !== undefined && !search) return undefined;
  const conditions = Object.entries(LOOKUPS).flatMap(([name, lookup]) => {
    const value = filter[name as keyof typeof LOOKUPS];
    return value === undefined ? [] : [condition(database, lookup, value)];
  });
  if (conditions.some(({ keys }) => keys.length === 0)) return undefined;
  conditions.sort((a, b) => a.events - b.events);
  return { conditions, since: instant('since', filter.since), until: instant('until', filter.until), search };
}

interface Lookup {
  readonly column: IndexedColumn;
  readonly sql: string;
  readonly binds: (value: string) => Bind[];
}

const term = (column: IndexedColumn): Lookup => ({
  column,
  sql: 'SELECT key, events FROM terms WHERE kind = ? AND value = ?',
  binds: (value) => [column, value],
});

const LOOKUPS = {
  root: {
    column: 'principal',
    sql: 'SELECT key, events FROM principals WHERE name = ? UNION SELECT key, events FROM principals WHERE sub = ?',
    binds: (value) => [value, value],
  },
  group: {
    column: 'principal',
    sql: 'SELECT p.key, p.events FROM principal_groups g JOIN principals p ON p.key = g.principal WHERE g.name = ?',
    binds: (value) => [value],
  },
  agent: {
    column: 'agent',
    sql: `SELECT key, events FROM terms WHERE kind = 'agent' AND value = ? AND (? = '' OR detail = ?)`,
    binds: (value) => {
      const slash = value.indexOf('/');
      const namespace = slash < 0 ? '' : value.slice(0, slash);
      return [value.slice(slash + 1), namespace, namespace];
    },
  },
  target: {
    column: 'target',
    sql: `SELECT key, events FROM terms WHERE kind = 'target' AND value = ? UNION
          SELECT key, events FROM terms WHERE kind = 'target' AND detail = ?`,
    binds: (value) => [value, value],
  },
  verb: term('verb'),
  decision: term('action'),
  session: term('session'),
  launch: { column: 'launch', sql: 'SELECT key, events FROM launches WHERE id = ?', binds: (value) => [value] },
  chain: { column: 'launch', sql: 'SELECT key, events FROM launches WHERE chain = ?', binds: (value) => [value] },
} satisfies Partial<Record<keyof QueryFilter, Lookup>>;

/** The statements that turn names into numbers, for the test of their plans. */
export const LOOKUP_STATEMENTS: readonly string[] = Object.values(LOOKUPS).map(({ sql }) => sql);

function condition(database: Database, lookup: Lookup, value: string): Condition {
  const found = database.all<{ key: number; events: number }>(lookup.sql, lookup.binds(value));
  return { column: lookup.column, keys: found.map(({ key }) => key), events: found.reduce((sum, { events }) => sum + events, 0) };
}

function instant(name: string, time: string | undefined): bigint | undefined {
  if (time === undefined) return undefined;
  const parsed = nanoseconds(time);
  if (parsed === undefined) throw new QueryError(`${name} is not a time: write it as 2026-01-31T12:00:00Z`);
  return parsed;
}
