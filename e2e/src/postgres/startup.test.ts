import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { after, describe, it } from 'node:test';
import { Client, type ClientConfig, type DatabaseError } from 'pg';
import { startRelay, type Relay, type RelayOptions } from './relay.js';

const started: Relay[] = [];
after(() => Promise.all(started.map((relay) => relay.stop())));

async function relayWith(options: RelayOptions): Promise<Relay> {
  const relay = await startRelay(options);
  started.push(relay);
  return relay;
}

async function ask(config: ClientConfig, sql: string): Promise<Record<string, unknown>> {
  const client = new Client(config);
  await client.connect();
  try {
    return (await client.query(sql)).rows[0] as Record<string, unknown>;
  } finally {
    await client.end();
  }
}

const VERIFIED = 'tls: {mode: Require, serverName: localhost, caSecret: {name: ca, key: crt}}';

describe('towards the server', () => {
  it('proves itself by SCRAM, without TLS where the server has none', async () => {
    const relay = await relayWith({});
    assert.deepEqual(await ask({ connectionString: relay.url }, 'select current_user::text as who'), { who: 'agent_role' });
  });

  it('proves itself by SCRAM-SHA-256-PLUS and by md5, over TLS that it verified', async () => {
    for (const settings of [[], ['password_encryption=md5']]) {
      const relay = await relayWith({
        postgres: {
          ssl: true,
          settings,
          hba: ['hostnossl all agent_role all reject', ...(settings.length > 0 ? ['hostssl all agent_role all md5'] : [])],
        },
        target: VERIFIED,
      });
      const answer = await ask({ connectionString: relay.url }, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()');
      assert.deepEqual(answer, { ssl: true });
    }
  });

  it('proves itself by a client certificate', async () => {
    const relay = await relayWith({
      postgres: { ssl: true, hba: ['hostssl all agent_role all cert', 'hostnossl all agent_role all reject'] },
      target: VERIFIED,
      credential: '{clientCertificateSecret: client}',
      secrets: async (server) => {
        const { cert, key } = await server.clientCertificate('agent_role');
        return { client: { 'tls.crt': cert, 'tls.key': key, username: 'agent_role' } };
      },
    });
    assert.deepEqual(await ask({ connectionString: relay.url }, 'select current_user::text as who'), { who: 'agent_role' });
  });

  it('sends a password in the clear over TLS alone', async () => {
    const hba = ['hostssl all agent_role all password', 'hostnossl all agent_role all password'];
    const safe = await relayWith({ postgres: { ssl: true, hba }, target: VERIFIED });
    assert.deepEqual(await ask({ connectionString: safe.url }, 'select 1 as n'), { n: 1 });
    const open = await relayWith({ postgres: { hba }, target: 'tls: {mode: Disable}' });
    await assert.rejects(
      ask({ connectionString: open.url }, 'select 1'),
      (error: DatabaseError) => error.code === '28000' && error.message.includes('in the clear'),
    );
  });

  it('refuses a server that has no TLS where the policy requires it', async () => {
    const relay = await relayWith({ target: VERIFIED.replace(', caSecret: {name: ca, key: crt}', '') });
    await assert.rejects(
      ask({ connectionString: relay.url }, 'select 1'),
      (error: DatabaseError) => error.code === '08001' && error.message.includes('does not offer TLS'),
    );
  });
});

describe('towards the agent', () => {
  it('speaks TLS when asked, and directly, and neither when not', async () => {
    const relay = await relayWith({});
    const port = relay.sidecar.targetPort('orders');
    const ca = readFileSync(join(relay.sidecar.agentFolder, 'ca.crt'), 'utf8');
    const config = { host: '127.0.0.1', port, user: 'anybody', database: 'postgres' };
    assert.deepEqual(await ask({ ...config, ssl: { ca, servername: 'orders.internal' } }, 'select 1 as n'), { n: 1 });
    const psql = spawnSync('psql', [`postgres://x@127.0.0.1:${port}/postgres?sslmode=require&gssencmode=prefer`, '-Atc', 'select 2'], {
      encoding: 'utf8',
    });
    assert.equal(psql.stdout.trim(), '2', psql.stderr);
    const direct = connectTls({ port, host: '127.0.0.1', ca, servername: 'orders.internal', ALPNProtocols: ['postgresql'] });
    const startup = Buffer.from('\0\0\0\0\0\x03\0\0user\0x\0database\0postgres\0\0', 'latin1');
    startup.writeInt32BE(startup.length);
    direct.write(startup);
    const first = await new Promise<Buffer>((resolve, reject) => direct.once('data', resolve).once('error', reject));
    assert.equal(first.toString('latin1', 0, 9), 'R\0\0\0\b\0\0\0\0');
    direct.destroy();
  });

  it('shows it its own application_name and the server the person', async () => {
    const relay = await relayWith({});
    const answer = await ask(
      { connectionString: relay.url, application_name: 'mine' },
      'select application_name as name from pg_stat_activity where pid = pg_backend_pid()',
    );
    assert.deepEqual(answer, { name: 'carol@example.com/agent' });
    const psql = spawnSync('psql', [relay.url, '-Atc', '\\echo :APPLICATION_NAME', '-c', 'select 1'], {
      encoding: 'utf8',
      env: { ...process.env, PGAPPNAME: 'mine' },
    });
    assert.equal(psql.status, 0, psql.stderr);
    const events = await relay.sidecar.eventsWhen((all) => all.some((event) => event.operation?.verb === 'CONNECT'));
    assert.equal(events.find((event) => event.operation?.verb === 'CONNECT')?.operation?.parameters?.['application_name'], 'mine');
  });

  it('refuses replication, roles in options, and encodings that cannot be read', async () => {
    const relay = await relayWith({});
    for (const [parameters, words] of [
      ['replication=database', 'replication'],
      ['options=-c%20role%3Dpostgres', 'role'],
      ['options=--session-authorization%3Dpostgres', 'session_authorization'],
      ['client_encoding=sjis', 'read reliably'],
    ]) {
      const psql = spawnSync('psql', [`${relay.url}?${parameters}`, '-c', 'select 1'], { encoding: 'utf8' });
      assert.equal(psql.status, 2);
      assert.match(psql.stderr, new RegExp(words!));
    }
  });

  it('cancels what it asks to cancel, and nothing for a stranger', async () => {
    const relay = await relayWith({});
    const client = new Client({ connectionString: relay.url });
    await client.connect();
    const sleeping = client.query('select pg_sleep(60)').then(
      () => assert.fail('was not cancelled'),
      (error: DatabaseError) => error.code,
    );
    await relay.sidecar.eventsWhen((all) => all.some((event) => event.operation?.statement === 'select pg_sleep(60)'));
    const canceller = new Client({ connectionString: relay.url });
    (canceller as unknown as { cancel(target: Client, query: unknown): void }).cancel(
      client,
      (client as unknown as { activeQuery: unknown; _activeQuery?: unknown })._activeQuery ??
        (client as unknown as { activeQuery: unknown }).activeQuery,
    );
    assert.equal(await sleeping, '57014');
    await client.end();
  });
});
