import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { Client } from 'pg';
import { jdbcFolder, pythonWithPsycopg } from './drivers.js';
import { ROLE, SECRET, startRelay, type Relay } from './relay.js';

const run = promisify(execFile);
const TESTDATA = fileURLToPath(new URL('../../testdata/postgres/', import.meta.url));

let relay: Relay;
before(async () => {
  relay = await startRelay({
    initSql: `create table corpus (a int primary key, b text); insert into corpus select i, 'row ' || i from generate_series(0, 9) i;
      grant all on corpus to agent_role; grant create on database postgres to agent_role;`,
  });
});
after(() => relay.stop());

/** Same program, straight and through the sidecar: the same output. */
async function same(command: string, args: (url: string) => string[]): Promise<string> {
  const [direct, relayed] = [await run(command, args(relay.directUrl)), await run(command, args(relay.url))];
  assert.equal(relayed.stdout, direct.stdout);
  assert.equal(relayed.stderr, direct.stderr);
  return direct.stdout;
}

/** Output and errors apart: psql writes them to two pipes. */
async function psql(url: string, script: string): Promise<string[]> {
  const child = spawn('psql', ['-X', '-a', '-q', '-v', 'ON_ERROR_STOP=0', '-v', 'VERBOSITY=verbose', url], { stdio: 'pipe' });
  const outputs = [child.stdout, child.stderr].map((stream) => text(stream));
  child.stdin.end(script);
  return Promise.all(outputs);
}

/** Without what differs between any two sessions, and what the sidecar's own parser says in fewer words than the server's. */
function plain(output: string): string[] {
  return output
    .replaceAll(/PID \d+/g, 'PID')
    .replaceAll(/^LOCATION: .*\n/gm, '')
    .replaceAll(/^(DETAIL|HINT): .*(Policy research|cannot be read).*\n/gm, '')
    .replaceAll(/^LINE \d+:.*\n\s*\^\n/gm, '')
    .split('\n');
}

describe('a real client sees through the sidecar what it sees without it', () => {
  it('psql with a broad corpus of statements', async () => {
    const script = readFileSync(join(TESTDATA, 'corpus.sql'), 'utf8');
    const direct = await psql(relay.directUrl, script);
    const relayed = await psql(relay.url, script);
    assert.ok(direct.join('').length > 5_000);
    assert.deepEqual(relayed.map(plain), direct.map(plain));
  });

  it('psycopg 3: binary, prepared, pipelines, COPY, server-side cursors, notifications', async () => {
    const output = await same(await pythonWithPsycopg(), (url) => [join(TESTDATA, 'driver.py'), url]);
    assert.match(output, /hello/);
  });

  it('JDBC: named statements, suspended portals, batches, COPY, metadata', async () => {
    const folder = await jdbcFolder();
    const port = relay.sidecar.targetPort('orders');
    const program = (where: string) => [
      '-cp',
      `${folder}/*`,
      join(TESTDATA, 'Driver.java'),
      `jdbc:postgresql://${where}/postgres`,
      ROLE,
      SECRET,
    ];
    const direct = await run('java', program(`127.0.0.1:${relay.server.port}`));
    const relayed = await run('java', program(`127.0.0.1:${port}`));
    assert.equal(relayed.stdout, direct.stdout);
    assert.match(direct.stdout, /^30$/m);
  });

  it('pgbench, by all three ways to send a query', async () => {
    await run('pgbench', ['-i', '-q', '-s', '1', relay.directUrl]);
    for (const mode of ['simple', 'extended', 'prepared']) {
      const { stdout } = await run('pgbench', ['-n', '-M', mode, '-c', '4', '-t', '25', relay.url]);
      assert.match(stdout, /actually processed: 100\/100/);
      assert.match(stdout, /failed transactions: 0/);
    }
  });

  it('a large row and a large parameter, in both directions', async () => {
    const client = new Client({ connectionString: relay.url });
    await client.connect();
    const long = 'x'.repeat(9_500_000);
    const { rows } = await client.query<{ n: number; t: string }>("select length($1::text) as n, $1 || 'y' as t", [long]);
    assert.equal(rows[0]?.n, long.length);
    assert.equal(rows[0]?.t, `${long}y`);
    await client.end();
  });
});
