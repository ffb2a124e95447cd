/** A ledger is a folder; these are the files in it. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from './database.js';
import { createSchema, SCHEMA_VERSION, schemaVersion } from './schema.js';

export const LEDGER_FILES = {
  database: 'ledger.db',
  /** `{issuer, jwks}`: whose stream certificates count. */
  trust: 'trust.json',
  /** The operator's registry of witnessed checkpoints. */
  witness: 'witness.jsonl',
  /** Private key that payloads are sealed to; only a demo keeps it here. */
  auditorKey: 'auditor.key',
} as const;

export class LedgerError extends Error {
  constructor(
    readonly code: 'missing' | 'schema' | 'unreadable' | 'not-found' | 'too-large',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'LedgerError';
  }
}

/** Opens the folder's database. Throws LedgerError. */
export function openDatabase(folder: string, create: boolean): Database {
  const file = join(folder, LEDGER_FILES.database);
  if (create) mkdirSync(folder, { recursive: true, mode: 0o700 });
  else if (!existsSync(file)) throw new LedgerError('missing', `${folder} is no ledger: there is no ${LEDGER_FILES.database} in it`);
  let database: Database | undefined;
  try {
    database = new Database(file);
    if (create) createSchema(database);
    const version = schemaVersion(database);
    if (version === SCHEMA_VERSION) return database;
    throw new LedgerError(
      'schema',
      `${file} has tables of version ${version}, this program reads ${SCHEMA_VERSION}: ingest the evidence anew`,
    );
  } catch (error) {
    database?.close();
    if (error instanceof LedgerError) throw error;
    throw new LedgerError('unreadable', `${file} cannot be opened: ${(error as Error).message}`, { cause: error });
  }
}
