/** The columns that searches go by, held against the lines: one that says otherwise hides an event, or shows it for another's. */
import type { EventRow } from '../ingest/row.js';
import { MAX_CACHED_NAMES, MAX_SEARCH_WORDS } from '../limits.js';
import { wordsOf } from '../query/words.js';
import type { Database } from '../store/database.js';
import { INDEXED, type IndexedColumn } from '../store/schema.js';
import type { ScannedEvent } from './scan.js';

/** Column -> what its key stands for, as one text; SQL with one bind. */
const STANDS_FOR: Record<IndexedColumn, string> = {
  principal: `SELECT json_array(p.iss, p.sub, p.name, json(p.groups), p.authn, (SELECT json_group_array(name) FROM
    (SELECT name FROM principal_groups WHERE principal = p.key ORDER BY name))) AS text FROM principals p WHERE p.key = ?`,
  launch: `SELECT json_array(id, chain, parent, depth, json(path), principal) AS text FROM launches WHERE key = ?`,
  agent: term('agent'),
  target: term('target'),
  verb: term('verb'),
  action: term('action'),
  session: term('session'),
};

function term(kind: string): string {
  return `SELECT json_array(value, detail) AS text FROM terms WHERE kind = '${kind}' AND key = ?`;
}

export class IndexedColumns {
  readonly #known = new Map<string, string | undefined>();

  constructor(private readonly database: Database) {}

  /** The first column that says otherwise than the line; undefined where all agree. */
  difference(row: ScannedEvent, said: EventRow): IndexedColumn | 'text' | undefined {
    const expected = expectedOf(row, said);
    const wrong = INDEXED.find((column) => this.#standsFor(column, row[column]) !== expected[column]);
    return wrong ?? (this.#isFound(row.key, said.text) ? undefined : 'text');
  }

  #standsFor(column: IndexedColumn, key: number | null): string | undefined {
    if (key === null) return undefined;
    const name = `${column} ${key}`;
    if (this.#known.has(name)) return this.#known.get(name);
    if (this.#known.size >= MAX_CACHED_NAMES) this.#known.clear();
    // What stands for nothing equals no expectation.
    const text = this.database.get<{ text: string }>(STANDS_FOR[column], [key])?.text ?? 'nothing';
    this.#known.set(name, text);
    return text;
  }

  /** Whether a search for its first words would find the event. */
  #isFound(key: number, text: string): boolean {
    const words = [...new Set(wordsOf(text).slice(0, MAX_SEARCH_WORDS))];
    if (words.length === 0) return true;
    const expression = words.map((word) => `"${word}"`).join(' AND ');
    return this.database.get('SELECT rowid FROM words WHERE words MATCH ? AND rowid = ?', [expression, key]) !== undefined;
  }
}

function expectedOf(row: ScannedEvent, said: EventRow): Record<IndexedColumn, string | undefined> {
  const { root, launch, agent, target, verb, action, session } = said;
  const json = (...values: unknown[]): string => JSON.stringify(values);
  return {
    principal: root && json(root.iss, root.sub, root.name, root.groups, root.authn, [...new Set(root.groups)].sort(byBytes)),
    launch: launch && json(launch.id, launch.chain, launch.parent ?? '', launch.depth, launch.path, row.principal ?? 0),
    agent: agent && json(...agent),
    target: target && json(...target),
    verb: verb === undefined ? undefined : json(verb, ''),
    action: action === undefined ? undefined : json(action, ''),
    session: session === undefined ? undefined : json(session, ''),
  };
}

/** As SQLite's BINARY collation sorts UTF-8. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
