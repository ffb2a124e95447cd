/**
 * Tables. `events` is narrow (numbers only, every name interned), so that scans and joins stay in memory at ten million
 * rows; the canonical line stands apart, byte for byte. Keys count in the order of arrival; time is nanoseconds.
 */
import type { Database } from './database.js';

export const SCHEMA_VERSION = 1;

/** Columns that have an index of their own, each ordered by time. */
export const INDEXED = ['principal', 'launch', 'agent', 'target', 'verb', 'action', 'session'] as const;
export type IndexedColumn = (typeof INDEXED)[number];

const TABLES = `
CREATE TABLE streams (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE principals (key INTEGER PRIMARY KEY, iss TEXT NOT NULL, sub TEXT NOT NULL, name TEXT NOT NULL, groups TEXT NOT NULL,
  authn TEXT NOT NULL, events INTEGER NOT NULL DEFAULT 0, UNIQUE (iss, sub, name, groups, authn));
CREATE INDEX principals_name ON principals (name);
CREATE INDEX principals_sub ON principals (sub);
CREATE TABLE principal_groups (name TEXT NOT NULL, principal INTEGER NOT NULL, PRIMARY KEY (name, principal)) WITHOUT ROWID;
CREATE TABLE launches (key INTEGER PRIMARY KEY, id TEXT NOT NULL, chain TEXT NOT NULL, parent TEXT NOT NULL, depth INTEGER NOT NULL,
  path TEXT NOT NULL, principal INTEGER NOT NULL, events INTEGER NOT NULL DEFAULT 0, UNIQUE (id, chain, parent, depth, path, principal));
CREATE INDEX launches_chain ON launches (chain);
CREATE TABLE terms (key INTEGER PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL COLLATE NOCASE, detail TEXT NOT NULL COLLATE NOCASE,
  events INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX terms_exact ON terms (kind, value COLLATE BINARY, detail COLLATE BINARY);
CREATE INDEX terms_value ON terms (kind, value);
CREATE INDEX terms_detail ON terms (kind, detail);
CREATE TABLE events (key INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, principal INTEGER,
  launch INTEGER, agent INTEGER, target INTEGER, verb INTEGER, action INTEGER, session INTEGER, id BLOB NOT NULL);
CREATE UNIQUE INDEX events_id ON events (id);
CREATE UNIQUE INDEX events_seq ON events (stream, seq);
CREATE INDEX events_time ON events (time);
${INDEXED.map((column) => `CREATE INDEX events_${column} ON events (${column}, time) WHERE ${column} IS NOT NULL;`).join('\n')}
CREATE TABLE lines (key INTEGER PRIMARY KEY, line TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', detail = none, columnsize = 0, tokenize = 'ascii');
CREATE TABLE arrivals (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, oldest INTEGER NOT NULL, newest INTEGER NOT NULL);
CREATE TABLE payloads (stream TEXT NOT NULL, record INTEGER NOT NULL, ciphertext BLOB NOT NULL, PRIMARY KEY (stream, record));
CREATE TABLE checkpoints (key INTEGER PRIMARY KEY, stream TEXT NOT NULL, note TEXT NOT NULL, UNIQUE (stream, note));
CREATE TABLE conflicts (key INTEGER PRIMARY KEY, kind TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL,
  sha256 TEXT NOT NULL, content BLOB NOT NULL, UNIQUE (kind, stream, seq, sha256));
CREATE TABLE rejected (key INTEGER PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, sha256 TEXT NOT NULL, content TEXT NOT NULL,
  UNIQUE (source, reason, sha256));
CREATE TABLE positions (source TEXT PRIMARY KEY, position TEXT NOT NULL);
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Version of the file's tables; 0 for a new file. */
export function schemaVersion(database: Database): number {
  return Number(database.get<{ user_version: number }>('PRAGMA user_version')?.user_version);
}

/** Creates the tables unless another process just did. */
export function createSchema(database: Database): void {
  database.transaction(() => {
    if (schemaVersion(database) === 0) database.exec(TABLES);
  });
}
