/** pgbouncer in session mode: what PostgreSQL users put in between today. */
import type { ChildProcess } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { accepts } from '@cairn/e2e';
import { spawnPinned } from '../measure/process.js';

const START_MS = 10_000;
/** pgbouncer refuses to run as root: `nobody` then. */
const NOBODY = 65_534;

export interface Database {
  port: number;
  user: string;
  password: string;
  name: string;
}

/** Like Cairn it takes any client and presents the database's own credential. */
export async function startPgbouncer(core: number, folder: string, port: number, database: Database): Promise<ChildProcess> {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'pgbouncer.ini');
  const { name, user, password } = database;
  writeFileSync(
    config,
    `[databases]
${name} = host=127.0.0.1 port=${database.port} dbname=${name} user=${user} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = session
default_pool_size = 64
server_tls_sslmode = disable
logfile = ${join(folder, 'log')}
log_connections = 0
log_disconnections = 0
`,
  );
  const root = process.getuid?.() === 0;
  if (root) for (const path of [folder, config]) chownSync(path, NOBODY, NOBODY);
  const child = spawnPinned(core, 'pgbouncer', ['-q', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
    ...(root && { uid: NOBODY, gid: NOBODY }),
  });
  const deadline = Date.now() + START_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('pgbouncer did not start: see its words above');
    await delay(20);
  }
  return child;
}
