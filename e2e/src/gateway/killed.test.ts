/** A gateway replica that is killed in the middle of traffic takes its open sessions with it, and no evidence. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { Client } from 'pg';
import type { Gateway } from '../harness/gateway.js';
import { askThrough } from '../harness/http-sink.js';
import type { Sidecar } from '../harness/sidecar.js';
import { startStand, type Stand } from './stand.js';

const CLIENTS = 6;
const ROWS_BEFORE = 40;
const ROWS_AFTER = 40;

let stand: Stand;
const sidecars: Sidecar[] = [];
let admin: Client;

before(async () => {
  stand = await startStand(2);
  for (const agent of ['planner', 'researcher']) sidecars.push(await stand.sidecar(agent));
  const { database } = stand;
  admin = new Client({ connectionString: database.url(database.admin.user, database.admin.password, 'postgres') });
  await admin.connect();
  await admin.query('create table acknowledged (who int, number int, primary key (who, number)); grant all on acknowledged to agent_role');
});

after(async () => {
  await admin?.end();
  for (const sidecar of sidecars) await sidecar.stop();
  await stand?.stop();
});

/** Inserts until it is told to stop, with a new connection whenever the old one broke; remembers what was acknowledged. */
class Writer {
  readonly acknowledged: number[] = [];
  readonly requested: string[] = [];
  broken = 0;
  #stopping = false;
  readonly done: Promise<void>;

  constructor(
    private readonly who: number,
    private readonly sidecar: Sidecar,
  ) {
    this.done = this.#run();
  }

  stop(): Promise<void> {
    this.#stopping = true;
    return this.done;
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#stopping;) {
      const client = new Client({ host: '127.0.0.1', port: this.sidecar.targetPort('orders'), user: 'anybody', database: 'postgres' });
      client.on('error', () => undefined);
      try {
        await client.connect();
        for (; !this.#stopping; number++) {
          await client.query(`insert into acknowledged values (${this.who}, ${number})`);
          this.acknowledged.push(number);
          const path = `/${this.who}/${number}`;
          await askThrough(this.sidecar.proxyPort, `http://web.internal${path}`).then(
            ({ status }) => status === 200 && this.requested.push(path),
          );
        }
        await client.end();
      } catch {
        this.broken++;
        number++;
        // The query of a connection that broke may have been done or not: the next one has a number of its own.
        client.end().catch(() => undefined);
      }
    }
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const resources = (events: AuditEvent[], protocol: string): Set<string> =>
  new Set(
    events.filter((event) => event.stage === 'intent' && event.protocol === protocol).map(({ operation }) => operation!.statement ?? ''),
  );

test('everything that was acknowledged has its intent, in the spool of one replica or the other', async () => {
  const writers = Array.from({ length: CLIENTS }, (_, who) => new Writer(who, sidecars[who % sidecars.length]!));
  const [victim, survivor] = stand.gateways as [Gateway, Gateway];
  await until('both replicas work', () => writers.every(({ acknowledged }) => acknowledged.length > ROWS_BEFORE / CLIENTS));
  assert.ok(
    [victim, survivor].every((each) => each.events().some(({ protocol }) => protocol === 'postgres')),
    'both have sessions',
  );

  await victim.kill();
  const counts = writers.map(({ acknowledged }) => acknowledged.length);
  await until('all go on', () => writers.every(({ acknowledged }, index) => acknowledged.length > counts[index]! + ROWS_AFTER / CLIENTS));
  for (const writer of writers) await writer.stop();

  const broken = writers.filter((writer) => writer.broken > 0).length;
  assert.ok(broken > 0 && broken < CLIENTS, `${broken} of ${CLIENTS} lost their session: those of the killed replica alone`);
  const events = [...victim.events(), ...survivor.events()];
  const statements = resources(events, 'postgres');
  const acknowledged = writers.flatMap((writer, who) =>
    writer.acknowledged.map((number) => `insert into acknowledged values (${who}, ${number})`),
  );
  assert.deepEqual(
    acknowledged.filter((statement) => !statements.has(statement)),
    [],
  );
  const paths = new Set(
    events.filter(({ stage, protocol }) => stage === 'intent' && protocol === 'http').map(({ operation }) => operation!.resource),
  );
  assert.deepEqual(
    writers.flatMap(({ requested }) => requested).filter((path) => !paths.has(path)),
    [],
  );
  const stored = await admin.query<{ who: number; number: number }>('select who, number from acknowledged');
  const done = stored.rows.map(({ who, number }) => `insert into acknowledged values (${who}, ${number})`);
  assert.deepEqual(
    done.filter((statement) => !statements.has(statement)),
    [],
    'nothing reached the database without an intent',
  );
  assert.ok(done.length >= acknowledged.length);
});

test('a replica that starts again in the same spool goes on, and its earlier stream is whole but for its end', async () => {
  const [victim] = stand.gateways as [Gateway];
  const earlier = victim.events().length;
  stand.gateways[0] = await stand.gateway('cairn-gateway-0', { folder: victim.folder });
  const events = stand.gateways[0].events();
  assert.ok(events.length > earlier);
  assert.equal(new Set(events.map(({ integrity }) => integrity.stream)).size, 2);
});
