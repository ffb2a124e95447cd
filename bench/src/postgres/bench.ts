/** PostgreSQL: direct, pgbouncer in session mode, and Cairn with binds and rows recorded. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@cairn/cli';
import { freePorts, startControlPlane } from '@cairn/e2e';
import { added, type Latency } from '../measure/latency.js';
import { endProcess, LOAD_CORE, PROXY_CORE, rssMegabytes } from '../measure/process.js';
import { progress } from '../measure/progress.js';
import { alternate, warm, type Subject } from '../measure/rounds.js';
import { startPinnedSidecar } from '../measure/sidecar.js';
import { rowsOf, type Measured, type Row } from '../report/row.js';
import type { Section } from '../report/section.js';
import { fillDatabase, runWorkload, workloadLatency, WORKLOADS, type Workload } from './pgbench.js';
import { startPgbouncer, type Database } from './pgbouncer.js';

const SCALE = 10;
const ROUNDS = 2;
const ROUND_SECONDS = 2;
const ALONE_SECONDS = 1;
const FIXED_RATE = 1_000;
const FIXED_SECONDS = 2;
const DATABASE = 'postgres';
const USER = 'bench';
const PASSWORD = 'bench-password';
const HOST = 'bench-db.internal';

const POLICY = `apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: bench, namespace: research}
spec:
  selector: {matchLabels: {bench: postgres}}
  identity: {required: false}
  targets:
  - {name: bench, protocol: postgres, hosts: [${HOST}], port: 5432, tls: {mode: Disable}, credential: {secret: bench}}
  rules:
  - {name: all, match: {targets: [bench]}, action: Allow, level: RequestResponse}
`;

interface Part {
  name: string;
  pid: number | undefined;
  database: Database;
}

interface Parts {
  direct: Part;
  pgbouncer: Part;
  cairn: Part;
  idleMegabytes: number;
  stop(): Promise<void>;
}

export async function benchPostgres(): Promise<Section> {
  const parts = await startParts();
  try {
    const rows: Row[] = [];
    for (const workload of WORKLOADS) rows.push(...(await compared(parts, workload)));
    rows.push(...rowsOf([{ name: 'Cairn at idle, PostgreSQL target', peer: '', rounds: [], rssMegabytes: parts.idleMegabytes }]));
    return { title: 'PostgreSQL', notes: NOTES, rows };
  } finally {
    await parts.stop();
  }
}

const NOTES = [
  `pgbench, scale ${SCALE}, 8 clients, ${ROUNDS} alternating rounds of ${ROUND_SECONDS} s, medians; each proxy alone on one core, pgbench and PostgreSQL on the other.`,
  `Cairn records every statement, its binds and its rows. p50 and p99: added to direct at ${FIXED_RATE} transactions/s (direct: its own).`,
];

async function compared({ direct, pgbouncer, cairn }: Parts, workload: Workload): Promise<Row[]> {
  const label = (part: Part) => `${part.name}, ${workload.name}`;
  const subject = (part: Part): Subject => ({
    name: label(part),
    pid: part.pid,
    run: (seconds) => runWorkload(part.database, workload, seconds),
  });
  const alone = await alternate([subject(direct)], 1, ALONE_SECONDS);
  await warm(subject(cairn));
  const rounds = await alternate([subject(pgbouncer), subject(cairn)], ROUNDS, ROUND_SECONDS);
  const latencies = workload === WORKLOADS[0] ? await latencyOf([direct, pgbouncer, cairn], workload) : [];
  const measured: Measured[] = [direct, pgbouncer, cairn].map((part, index) => ({
    name: label(part),
    ...(part === cairn && { peer: label(pgbouncer) }),
    rounds: (part === direct ? alone : rounds).get(label(part))!,
    latency: latencies[index],
    rssMegabytes: part.pid === undefined ? undefined : rssMegabytes(part.pid),
  }));
  return rowsOf(measured);
}

async function latencyOf(parts: readonly Part[], workload: Workload): Promise<Latency[]> {
  const latencies: Latency[] = [];
  for (const part of parts) {
    progress(`${part.name} at ${FIXED_RATE} transactions/s`);
    latencies.push(await workloadLatency(part.database, workload, FIXED_RATE, FIXED_SECONDS));
  }
  return latencies.map((latency, index) => (index === 0 ? latency : added(latency, latencies[0]!)));
}

async function startParts(): Promise<Parts> {
  progress('starting PostgreSQL, pgbouncer and a sidecar');
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-postgres-'));
  // pgbouncer runs as another user than root.
  chmodSync(folder, 0o755);
  const settings = ['fsync=off', 'synchronous_commit=off', 'shared_buffers=256MB', 'max_connections=100'];
  const postgres = await startPostgres({ users: { [USER]: PASSWORD }, settings, initSql: `GRANT ALL ON SCHEMA public TO ${USER}` });
  execFileSync('taskset', ['-c', '-p', String(LOAD_CORE), String(postgres.pid)], { stdio: 'ignore' });
  const database = (port: number): Database => ({ port, user: USER, password: PASSWORD, name: DATABASE });
  await fillDatabase(database(postgres.port), SCALE);
  const [bouncerPort] = (await freePorts(1)) as [number];
  const bouncer = await startPgbouncer(PROXY_CORE, join(folder, 'pgbouncer'), bouncerPort, database(postgres.port));
  const plane = await startControlPlane(POLICY);
  const sidecar = await startPinnedSidecar({
    plane,
    agent: 'bench-postgres',
    labels: { bench: 'postgres' },
    targets: ['bench'],
    credentials: { bench: { username: USER, password: PASSWORD } },
    resolve: { [`${HOST}:5432`]: `127.0.0.1:${postgres.port}` },
  });
  return {
    direct: { name: 'direct', pid: undefined, database: database(postgres.port) },
    pgbouncer: { name: 'pgbouncer', pid: bouncer.pid, database: database(bouncerPort) },
    cairn: { name: 'Cairn', pid: sidecar.pid, database: database(sidecar.targetPort('bench')) },
    idleMegabytes: rssMegabytes(sidecar.pid),
    async stop() {
      await sidecar.stop();
      await plane.stop();
      await endProcess(bouncer);
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
