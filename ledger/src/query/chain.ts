/** The events of one nested chain, or of one session, whole and in causal order. */
import type { AuditEvent } from '@cairn/audit';
import { MAX_CHAIN_EVENTS } from '../limits.js';
import type { Database } from '../store/database.js';
import { LedgerError } from '../store/folder.js';
import { resolveFilter } from './filter.js';
import { pageStatement } from './page.js';
import { nanoseconds } from '../ingest/row.js';
import type { StoredEvent } from './query.js';

/** Id of the chain whose launch has the newest event. */
export function newestChain(database: Database): string | undefined {
  const sql = 'SELECT launch FROM events INDEXED BY events_time WHERE launch IS NOT NULL ORDER BY time DESC, key DESC LIMIT 1';
  const launch = database.get<{ launch: number }>(sql)?.launch;
  return launch === undefined ? undefined : database.get<{ chain: string }>('SELECT chain FROM launches WHERE key = ?', [launch])!.chain;
}

/**
 * Everything below a chain or a launch, in causal order. Throws LedgerError `not-found`, or `too-large` beyond
 * MAX_CHAIN_EVENTS.
 */
export function chainEvents(database: Database, id: string): StoredEvent[] {
  const events = launchesBelow(database, id).flatMap((launch) => eventsOf(database, { launch }));
  if (events.length === 0)
    throw new LedgerError('not-found', `no launch or chain ${id} is in this ledger: find one with cairn query --json`);
  return causalOrder(bounded(events));
}

/** Everything of one session, in causal order. Throws LedgerError. */
export function sessionEvents(database: Database, session: string): StoredEvent[] {
  const events = eventsOf(database, { session });
  if (events.length === 0) throw new LedgerError('not-found', `no session ${session} is in this ledger`);
  return causalOrder(bounded(events));
}

/** Ids of a chain's launches; of a launch that is no chain, itself and what it launched. */
function launchesBelow(database: Database, id: string): string[] {
  const chain = database.all<{ id: string }>('SELECT DISTINCT id FROM launches WHERE chain = ?', [id]).map((row) => row.id);
  if (chain.length > 0) return chain;
  const below = new Set(database.all<{ id: string }>('SELECT DISTINCT id FROM launches WHERE id = ?', [id]).map((row) => row.id));
  const family = 'SELECT DISTINCT id, parent FROM launches WHERE chain IN (SELECT chain FROM launches WHERE id = ?) ORDER BY depth';
  for (const row of database.all<{ id: string; parent: string }>(family, [id])) if (below.has(row.parent)) below.add(row.id);
  return [...below];
}

function eventsOf(database: Database, filter: { launch: string } | { session: string }): StoredEvent[] {
  const resolved = resolveFilter(database, filter);
  if (!resolved) return [];
  const { sql, binds } = pageStatement(resolved, 'oldest', undefined, MAX_CHAIN_EVENTS + 1);
  return bounded(database.all<{ line: string }>(sql, binds).map(({ line }) => ({ line, event: JSON.parse(line) as AuditEvent })));
}

function bounded(events: StoredEvent[]): StoredEvent[] {
  if (events.length <= MAX_CHAIN_EVENTS) return events;
  throw new LedgerError('too-large', `this chain has more than ${MAX_CHAIN_EVENTS} events: take one of its launches or sessions`);
}

/**
 * By time, but never an event before its cause or before its predecessor in its own stream: clocks of two pods may
 * differ, links do not.
 */
export function causalOrder(events: readonly StoredEvent[]): StoredEvent[] {
  const sorted = events
    .map((each) => ({ each, time: nanoseconds(each.event.time)! }))
    .toSorted((a, b) => compare(a.time, b.time) || compare(place(a.each.event), place(b.each.event)))
    .map(({ each }) => each);
  const needs = prerequisites(sorted);
  const ordered = new Set<StoredEvent>();
  const entered = new Set<StoredEvent>();
  for (const start of sorted) {
    const open = [start];
    while (open.length > 0) {
      const next = open.at(-1)!;
      // Entered a second time: its needs are done, or lead back to itself, which only a forged cause can.
      const missing = entered.has(next) ? [] : needs(next).filter((need) => !ordered.has(need) && !entered.has(need));
      entered.add(next);
      if (missing.length > 0) open.push(...missing);
      else {
        ordered.add(next);
        open.pop();
      }
    }
  }
  return [...ordered];
}

function prerequisites(sorted: readonly StoredEvent[]): (each: StoredEvent) => StoredEvent[] {
  const byId = new Map(sorted.map((each) => [each.event.id, each]));
  const before = new Map<StoredEvent, StoredEvent>();
  const last = new Map<string, StoredEvent>();
  for (const each of sorted.toSorted((a, b) => a.event.integrity.seq - b.event.integrity.seq)) {
    const { stream } = each.event.integrity;
    const previous = last.get(stream);
    if (previous) before.set(each, previous);
    last.set(stream, each);
  }
  return (each) => [before.get(each), byId.get(each.event.cause ?? '')].filter((need) => need !== undefined);
}

function place({ integrity }: AuditEvent): string {
  return `${integrity.stream} ${String(integrity.seq).padStart(16, '0')}`;
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
