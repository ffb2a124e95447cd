/** Names -> small numbers. Every name is stored once, with the count of its events, which is what queries plan by. */
import type { Launch, Principal } from '@cairn/identity';
import { MAX_CACHED_NAMES } from '../limits.js';
import type { Bind, Database } from './database.js';

export type TermKind = 'agent' | 'target' | 'verb' | 'action' | 'session';
type Counted = 'principals' | 'launches' | 'terms';

export class Dictionary {
  readonly #database: Database;
  readonly #keys = new Map<string, number>();
  readonly #counts: Record<Counted, Map<number, number>> = { principals: new Map(), launches: new Map(), terms: new Map() };

  constructor(database: Database) {
    this.#database = database;
  }

  stream(id: string): number {
    return this.#key(`s${id}`, 'streams', ['id'], [id]).key;
  }

  term(kind: TermKind, value: string, detail = ''): number {
    const cached = this.#keys.get(`t${kind}\0${value}\0${detail}`);
    return this.#count(
      'terms',
      cached ?? this.#key(`t${kind}\0${value}\0${detail}`, 'terms', ['kind', 'value', 'detail'], [kind, value, detail]).key,
    );
  }

  principal(root: Principal): number {
    const groups = JSON.stringify(root.groups);
    const values = [root.iss, root.sub, root.name, groups, root.authn];
    const { key, added } = this.#key(`p${values.join('\0')}`, 'principals', ['iss', 'sub', 'name', 'groups', 'authn'], values);
    if (added) {
      for (const group of root.groups) this.#database.run('INSERT OR IGNORE INTO principal_groups VALUES (?, ?)', [group, key]);
    }
    return this.#count('principals', key);
  }

  /** `principal` is 0 where the root is unknown. */
  launch(launch: Launch, principal: number): number {
    const values = [launch.id, launch.chain, launch.parent ?? '', launch.depth, JSON.stringify(launch.path), principal];
    const columns = ['id', 'chain', 'parent', 'depth', 'path', 'principal'];
    return this.#count('launches', this.#key(`l${values.join('\0')}`, 'launches', columns, values).key);
  }

  /** Writes the counts of the batch; inside its transaction. */
  writeCounts(): void {
    for (const [table, counts] of Object.entries(this.#counts)) {
      for (const [key, count] of counts) this.#database.run(`UPDATE ${table} SET events = events + ? WHERE key = ?`, [count, key]);
      counts.clear();
    }
  }

  /** After a rollback: what this batch interned is gone again. */
  forget(): void {
    this.#keys.clear();
    for (const counts of Object.values(this.#counts)) counts.clear();
  }

  #count(table: Counted, key: number): number {
    const counts = this.#counts[table];
    counts.set(key, (counts.get(key) ?? 0) + 1);
    return key;
  }

  #key(name: string, table: string, columns: readonly string[], values: readonly Bind[]): { key: number; added: boolean } {
    const cached = this.#keys.get(name);
    if (cached !== undefined) return { key: cached, added: false };
    const find = `SELECT key FROM ${table} WHERE ${columns.map((column) => `${column} = ? COLLATE BINARY`).join(' AND ')}`;
    let found = this.#database.get<{ key: number }>(find, values);
    const added = found === undefined;
    if (!found) {
      const marks = columns.map(() => '?').join(', ');
      this.#database.run(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks})`, values);
      found = this.#database.get<{ key: number }>('SELECT last_insert_rowid() AS key')!;
    }
    if (this.#keys.size >= MAX_CACHED_NAMES) this.#keys.clear();
    this.#keys.set(name, found.key);
    return { key: found.key, added };
  }
}
