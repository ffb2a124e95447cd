/** A real PostgreSQL for demos, tests and benchmarks: started in a temporary folder, gone after stop(). */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, rmSync } from 'node:fs';
import { appendFile, chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { localhostCertificate } from './postgres-certificate.js';
import { postgresFolder, serverAccount } from './postgres-binaries.js';

export interface PostgresOptions {
  /** Run as the superuser in database `postgres`, after the users exist. */
  initSql?: string;
  /** Login roles and their passwords. */
  users?: Record<string, string>;
  /** 0 or absent: a free one. */
  port?: number;
  /** Serve TLS with a generated certificate; `ca` of the result verifies it. */
  ssl?: boolean;
  /** Lines of pg_hba.conf that come before the default `host all all all scram-sha-256`. */
  hba?: string[];
  /** `name=value` server settings on top of ours. */
  settings?: string[];
}

export interface PostgresPart {
  readonly host: string;
  readonly port: number;
  readonly admin: { readonly user: string; readonly password: string };
  /** PEM of the CA, with `ssl`. */
  readonly ca: string | undefined;
  /** A certificate that `cert` lines of `hba` take for this role; only with `ssl`. */
  clientCertificate(role: string): Promise<{ cert: string; key: string }>;
  readonly pid: number;
  /** Folder of its data. */
  readonly home: string;
  url(user: string, password: string, database: string): string;
  /** Fast shutdown; removes the data. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const ADMIN = 'postgres';
/** Another process may take the free port between our look and PostgreSQL's bind. */
const START_ATTEMPTS = 5;

/** Fails with PostgreSQL's own words when initdb or the server does not come up. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresPart> {
  const folder = await postgresFolder();
  const home = await mkdtemp(join(tmpdir(), 'cairn-postgres-'));
  const password = randomBytes(18).toString('base64url');
  const drop = () => rmSync(home, { recursive: true, force: true });
  try {
    const data = await initialise(folder, home, password, options);
    const tls = options.ssl ? await installCertificate(data) : undefined;
    const { child, port } = await launch(folder, data, options);
    const part = describe({ child, port, password, tls, home, watcher: watch(child.pid!, home) });
    await prepare(part, options).catch(async (error: unknown) => {
      await part.stop();
      throw error;
    });
    return part;
  } catch (error) {
    drop();
    throw error;
  }
}

function own(path: string): void {
  const { uid, gid } = serverAccount();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

async function initialise(folder: string, home: string, password: string, options: PostgresOptions): Promise<string> {
  own(home);
  const passwordFile = join(home, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  own(passwordFile);
  const data = join(home, 'data');
  const args = ['--pgdata', data, '--username', ADMIN, '--pwfile', passwordFile, '--auth=scram-sha-256', '--encoding=UTF8', '--no-sync'];
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const child = spawn(join(folder, 'bin', 'initdb'), [...args, ...locale, '--no-instructions'], {
    ...serverAccount(),
    cwd: home,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said = collect(child);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`initdb failed (${code}): ${said.text}`);
  await rm(passwordFile);
  const hba = [...(options.hba ?? []), 'host all all all scram-sha-256', ''];
  await writeFile(join(data, 'pg_hba.conf'), hba.join('\n'));
  await appendFile(join(data, 'postgresql.conf'), settings(home, options).join('\n'));
  return data;
}

function settings(home: string, options: PostgresOptions): string[] {
  const quick = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'shared_buffers=32MB', 'max_connections=100'];
  const place = [`listen_addresses='${HOST}'`, `unix_socket_directories='${home}'`, "log_min_messages='warning'"];
  const tls = options.ssl ? ['ssl=on'] : [];
  return ['', ...quick, ...place, ...tls, ...(options.settings ?? []), ''];
}

async function installCertificate(data: string): Promise<ServerTls> {
  const certificate = await localhostCertificate();
  const { ca, cert, key } = certificate;
  await writeFile(join(data, 'server.crt'), cert);
  await writeFile(join(data, 'server.key'), key, { mode: 0o600 });
  await writeFile(join(data, 'root.crt'), ca);
  await appendFile(join(data, 'postgresql.conf'), "ssl_ca_file='root.crt'\n");
  await chmod(join(data, 'server.key'), 0o600);
  for (const name of ['server.crt', 'server.key', 'root.crt']) own(join(data, name));
  return { ca, issue: (role) => certificate.issue(role) };
}

async function launch(folder: string, data: string, options: PostgresOptions): Promise<{ child: ChildProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port || (await freePort());
    const args = ['-D', data, '-p', String(port)];
    const child = spawn(join(folder, 'bin', 'postgres'), args, { ...serverAccount(), cwd: data, stdio: ['ignore', 'ignore', 'pipe'] });
    const said = collect(child);
    if (await ready(child, said)) return { child, port };
    if (options.port || attempt === START_ATTEMPTS || !said.text.includes('could not bind')) {
      throw new Error(`postgres did not start on ${HOST}:${port}: ${said.text}`);
    }
  }
}

/**
 * Ends the server at once (SIGQUIT) and removes its folder when this process is gone, however it went: the pipe to the watcher is
 * closed by the kernel. In a session of its own, so that Ctrl-C in a terminal leaves it to stop().
 */
function watch(pid: number, home: string): ChildProcess {
  const script = 'read -r _; kill -QUIT "$1"; while kill -0 "$1"; do sleep 0.1; done; rm -rf "$2"';
  const watcher = spawn('sh', ['-c', script, 'sh', String(pid), home], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  watcher.unref();
  (watcher.stdin as Socket).unref();
  return watcher;
}

/** The server's log on stderr, bounded; only its beginning matters. */
function collect(child: ChildProcess): { text: string } {
  const said = { text: '' };
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    if (said.text.length < 65_536) said.text += chunk;
  });
  return said;
}

function ready(child: ChildProcess, said: { text: string }): Promise<boolean> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(false));
    child.stderr?.on('data', () => {
      if (said.text.includes('ready to accept connections')) resolve(true);
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

interface ServerTls {
  ca: string;
  issue(role: string): Promise<{ cert: string; key: string }>;
}

interface Running {
  child: ChildProcess;
  port: number;
  password: string;
  tls: ServerTls | undefined;
  home: string;
  watcher: ChildProcess;
}

function describe({ child, port, password, tls, home, watcher }: Running): PostgresPart {
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill('SIGINT'); // Fast shutdown.
      await closed;
    }
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
    watcher.kill('SIGKILL');
  };
  return {
    host: HOST,
    port,
    admin: { user: ADMIN, password },
    ca: tls?.ca,
    clientCertificate: (role) =>
      tls ? tls.issue(role) : Promise.reject(new Error('start PostgreSQL with ssl: true to have client certificates')),
    pid: child.pid ?? 0,
    home,
    url: (user, secret, database) =>
      `postgres://${encodeURIComponent(user)}:${encodeURIComponent(secret)}@${HOST}:${port}/${encodeURIComponent(database)}`,
    stop: () => (stopped ??= stop()),
  };
}

async function prepare(part: PostgresPart, options: PostgresOptions): Promise<void> {
  const users = Object.entries(options.users ?? {});
  if (users.length === 0 && !options.initSql) return;
  const client = new Client({ connectionString: part.url(part.admin.user, part.admin.password, 'postgres') });
  await client.connect();
  try {
    for (const [name, secret] of users) await client.query(`create role ${escapeIdentifier(name)} login password ${escapeLiteral(secret)}`);
    if (options.initSql) await client.query(options.initSql);
  } finally {
    await client.end();
  }
}
