/** The database that the agents work on: a real PostgreSQL with the schema of the examples. */
import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { startPostgres, type PostgresPart } from './postgres.js';

const DATABASE = 'orders';

async function query(part: PostgresPart, database: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: part.url(part.admin.user, part.admin.password, database) });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** `account`: the login that sidecars present, as the Secret says. `host`: a further address to listen on. */
export async function startOrders(account: { username: string; password: string }, schema: string, host: string): Promise<PostgresPart> {
  const settings = [`listen_addresses='${[...new Set(['127.0.0.1', host])].join(',')}'`];
  const part = await startPostgres({ users: { [account.username]: account.password }, settings });
  try {
    await query(part, 'postgres', `CREATE DATABASE ${DATABASE}`);
    await query(part, DATABASE, await readFile(schema, 'utf8'));
    return part;
  } catch (error) {
    await part.stop();
    throw error;
  }
}
