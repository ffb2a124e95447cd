/**
 * PostgreSQL's own regression scripts, through a sidecar and straight to a server like it: psql must print the same both ways.
 * CONTROL=1 leaves the sidecar out: what differs then does so by itself.
 * SCRIPTS="int4 text" runs some of them (after test_setup, which makes their tables). Exit code 1 where an output differs.
 */
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type PostgresPart } from '@cairn/cli';
import { startControlPlane } from '../harness/control-plane.js';
import { startSidecar } from '../harness/sidecar.js';
import { differing } from './compare.js';
import { regressionScripts, scheduled } from './scripts.js';

const SCRIPT_MS = 120_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const SHOWN_LINES = 6;
/** Their output differs from run to run on one server: times, sizes, the order of a catalog, who else is connected. */
const UNSTABLE = new Set([
  'cluster',
  'tablespace',
  'stats',
  'sysviews',
  'vacuum_parallel',
  'select_parallel',
  'write_parallel',
  'infinite_recurse',
]);

const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: regress, namespace: research}
spec:
  selector: {}
  identity: {required: false, providers: [], onAmbiguous: Record}
  targets:
  - {name: database, protocol: postgres, hosts: [database.internal], port: 5432, credential: {secret: database}, tls: {mode: Disable}}
  rules: []
  default: {action: Allow, level: RequestResponse}
  unparsed: Record
`;

/** As pg_regress calls psql. */
function psql(url: string, folder: string, script: string): Promise<string> {
  const env = {
    PATH: process.env['PATH'],
    PGSSLMODE: 'disable',
    PGTZ: 'PST8PDT',
    PGDATESTYLE: 'Postgres, MDY',
    PGOPTIONS: '-c intervalstyle=postgres_verbose',
    LC_ALL: 'C',
    PG_ABS_SRCDIR: folder,
    PG_ABS_BUILDDIR: join(folder, 'build'),
    PG_LIBDIR: '/nowhere',
    PG_DLSUFFIX: '.so',
  };
  const args = ['-X', '-a', '-q', '-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on', '-d', url];
  return new Promise((resolve) => {
    const options = { env, cwd: folder, timeout: SCRIPT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    const child = execFile('sh', ['-c', 'exec psql "$@" 2>&1', 'sh', ...args], options, (error, stdout) =>
      resolve(error ? `${stdout}\npsql ended: ${error.signal ?? error.code}` : stdout),
    );
    child.stdin!.end(readFileSync(join(folder, 'sql', `${script}.sql`)));
  });
}

async function compare(folder: string, names: readonly string[], direct: string, relayed: string): Promise<string[]> {
  const different: string[] = [];
  for (const name of names) {
    const began = performance.now();
    const [straight, through] = await Promise.all([psql(direct, folder, name), psql(relayed, folder, name)]);
    const lines = UNSTABLE.has(name) ? [] : differing(straight, through);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stdout.write(`${lines.length === 0 ? 'same' : 'DIFFERENT'}\t${name}\t${seconds} s\n`);
    for (const line of lines.slice(0, SHOWN_LINES)) process.stdout.write(`\t${line}\n`);
    if (lines.length > 0) different.push(name);
  }
  return different;
}

function adminUrl(server: PostgresPart): string {
  return server.url(server.admin.user, server.admin.password, 'postgres');
}

const source = await regressionScripts();
// The server reads the data itself, as another user.
const folder = mkdtempSync(join(tmpdir(), 'cairn-regress-'));
cpSync(source, folder, { recursive: true });
mkdirSync(join(folder, 'build', 'results'), { recursive: true });
for (const name of ['', 'data', 'build', 'build/results']) chmodSync(join(folder, name), 0o777);
const [straight, behind] = await Promise.all([startPostgres(), startPostgres()]);
const plane = await startControlPlane(POLICY);
const sidecar = await startSidecar({
  plane,
  targets: ['database'],
  credentials: { database: { username: behind.admin.user, password: behind.admin.password } },
  resolve: { 'database.internal:5432': `127.0.0.1:${behind.port}` },
  env: { CAIRN_SPOOL_QUOTA_MIB: '8192', CAIRN_SPOOL_HIGH_WATER_MIB: '8192' },
});
try {
  const chosen = process.env['SCRIPTS']?.split(/\s+/).filter(Boolean);
  const names = scheduled(folder).filter((name) => !chosen || name === 'test_setup' || chosen.includes(name));
  const control = process.env['CONTROL'] === '1';
  const relayed = control ? adminUrl(behind) : `postgres://${behind.admin.user}@127.0.0.1:${sidecar.targetPort('database')}/postgres`;
  const different = await compare(folder, names, adminUrl(straight), relayed);
  process.stdout.write(
    `${names.length - different.length} of ${names.length} scripts print the same${different.length > 0 ? `; different: ${different.join(' ')}` : ''}\n`,
  );
  process.exitCode = different.length > 0 ? 1 : 0;
} finally {
  await sidecar.stop();
  await plane.stop();
  await Promise.all([straight.stop(), behind.stop()]);
  rmSync(folder, { recursive: true, force: true });
}
