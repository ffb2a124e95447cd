import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { buildPostgres } from './index.js';
import { unpack, type Unpacked } from './unpacked.js';

const SCRIPT = `
printf 'CREATE TABLE orders (id int); INSERT INTO orders VALUES (7);' > /docker-entrypoint-initdb.d/orders.sql
start-postgres -c max_connections=20 >/tmp/log 2>&1 &
until psql -h 127.0.0.1 -U postgres -d orders -Atc 'SELECT id FROM orders' 2>/tmp/said; do
  if ! kill -0 $!; then cat /tmp/log; exit 1; fi
  sleep 0.1
done
psql -h 127.0.0.1 -U postgres -d orders -Atc 'SHOW max_connections'
PGPASSWORD=wrong psql -h 127.0.0.1 -U postgres -d orders -Atc 'SELECT 1' 2>/dev/null || echo refused`;

describe('PostgreSQL in an image', () => {
  let postgres: Unpacked;
  before(async () => {
    postgres = await unpack(await buildPostgres());
  });
  after(() => postgres.remove());

  const scratch = ['/tmp', '/var/lib/postgresql/data', '/docker-entrypoint-initdb.d'];

  test('serves the database that its variables name, filled by the scripts, to those who know the password', async () => {
    const env = { POSTGRES_PASSWORD: 'secret', POSTGRES_DB: 'orders', PGPASSWORD: 'secret', PGDATA: '/var/lib/postgresql/data/pgdata' };
    const { code, output } = await postgres.run(['sh', '-c', SCRIPT], { env, scratch });
    assert.deepEqual({ code, output }, { code: 0, output: '7\n20\nrefused\n' });
  });

  test('does not start without a password', async () => {
    const { code, output } = await postgres.run(['start-postgres'], { scratch });
    assert.notEqual(code, 0);
    assert.match(output, /POSTGRES_PASSWORD/);
  });
});
