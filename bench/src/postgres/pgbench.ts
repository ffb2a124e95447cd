/** pgbench(1) on the load's core. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Latency } from '../measure/latency.js';
import { ended, LOAD_CORE, spawnPinned } from '../measure/process.js';
import { quantile } from '../report/row.js';
import type { Database } from './pgbouncer.js';

const CLIENTS = 8;

export interface Workload {
  name: string;
  args: readonly string[];
}

export const WORKLOADS: readonly Workload[] = [
  { name: 'select, simple', args: ['-S', '-M', 'simple'] },
  { name: 'select, prepared', args: ['-S', '-M', 'prepared'] },
  { name: 'TPC-B, simple', args: ['-M', 'simple'] },
  { name: 'TPC-B, prepared', args: ['-M', 'prepared'] },
];

export async function fillDatabase(database: Database, scale: number): Promise<void> {
  await pgbench(database, ['-i', '-q', '-s', String(scale)]);
}

/** One window of load, its rate without the time to connect; rejects where a transaction fails. */
export async function runWorkload(database: Database, { args }: Workload, seconds: number): Promise<{ count: number; seconds: number }> {
  const output = await pgbench(database, ['-n', '-c', String(CLIENTS), '-j', '1', '-T', String(seconds), ...args]);
  const count = Number(/actually processed: (\d+)/.exec(output)?.[1] ?? 0);
  if (count === 0 || !/failed transactions: 0 /.test(output)) throw new Error(`pgbench did not finish its transactions:\n${output}`);
  const tps = Number(/tps = ([\d.]+) \(without/.exec(output)?.[1]);
  return { count, seconds: count / tps };
}

/** Latency at a fixed rate, from the moment a transaction began rather than from its place in the schedule. */
export async function workloadLatency(database: Database, { args }: Workload, rate: number, seconds: number): Promise<Latency> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-pgbench-'));
  try {
    const log = ['-l', `--log-prefix=${join(folder, 'log')}`];
    await pgbench(database, ['-n', '-c', String(CLIENTS), '-j', '1', '-T', String(seconds), '-R', String(rate), ...log, ...args]);
    const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'));
    // client, transaction, latency in us, script, time (s, us), lag behind the schedule in us
    const milliseconds = lines.map((line) => line.split(' ').map(Number)).map((fields) => (fields[2]! - fields[6]!) / 1000);
    return { p50: quantile(milliseconds, 0.5)!, p99: quantile(milliseconds, 0.99)! };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function pgbench({ port, user, password, name }: Database, args: readonly string[]): Promise<string> {
  const env = { ...process.env, PGPASSWORD: password, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' };
  const child = spawnPinned(LOAD_CORE, 'pgbench', ['-h', '127.0.0.1', '-p', String(port), '-U', user, ...args, name], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  let output = '';
  let errors = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text));
  if ((await ended(child)) !== 0) throw new Error(`pgbench failed on port ${port}:\n${errors}`);
  return output;
}
