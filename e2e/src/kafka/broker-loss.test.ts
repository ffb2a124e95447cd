/** The broker is killed and comes back while a sidecar ships: what then arrived. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TOPICS } from '@cairn/audit';
import { ingestKafka, openLedger } from '@cairn/ledger';
import { applyTopics, startShipper, type ShipError } from '@cairn/sidecar';
import { startKafka, type KafkaBroker } from '../harness/kafka.js';
import { consumeUntil, distinctEvents, eventId, idsByKey } from './consume.js';
import { testSpool } from './spool.js';

const CHAINS = ['chain-a', 'chain-b', 'chain-c'];
let kafka: KafkaBroker;

before(async () => {
  kafka = await startKafka();
  await applyTopics({ brokers: [kafka.plaintext] }, { partitions: 3, replicationFactor: 1, retentionDays: 1 }, true);
});
after(() => kafka.stop());

test('a broker killed twice while shipping: every event arrives, in the order of its chain, repeats removable by id', async (t) => {
  const spool = await testSpool({ segmentBytes: 64 * 1024 });
  const problems: (ShipError | undefined)[] = [];
  const options = { dir: spool.dir, kafka: { brokers: [kafka.plaintext] }, clientId: 'test' };
  const shipper = startShipper({ ...options, onProblem: (problem) => problems.push(problem) });
  let budget = 0;
  const load = setInterval(() => {
    if (budget-- > 0) spool.write(CHAINS, 10);
  }, 5);
  t.after(() => clearInterval(load));
  for (let round = 0; round < 2; round++) {
    budget = 200;
    await until(() => budget < 120);
    await kafka.kill();
    await until(() => shipper.problem?.code === 'unreachable');
    await kafka.restart();
    await until(() => shipper.problem === undefined);
  }
  clearInterval(load);
  await spool.writer.close('test');
  await shipper.close(60_000);
  assert.equal(problems.at(-1), undefined, 'records flow again');

  const total = [...spool.written.values()].flat().length;
  const own = 2; // stream.open and stream.close
  const messages = await consumeUntil(kafka.plaintext, TOPICS.events, distinctEvents(total + own));
  const arrived = idsByKey(messages);
  for (const chain of CHAINS) assert.deepEqual(arrived.get(chain), spool.written.get(chain), chain);
  await spool.remove();
});

test('a restarted sidecar goes on where the last one was acknowledged', async () => {
  const spool = await testSpool();
  const options = { dir: spool.dir, kafka: { brokers: [kafka.plaintext] }, clientId: 'test', deleteAcknowledged: false };
  spool.write(['chain-d'], 50);
  await startShipper(options).close();
  spool.write(['chain-d'], 50);
  await startShipper(options).close();
  await spool.writer.close('test');
  const messages = await consumeUntil(kafka.plaintext, TOPICS.events, distinctEvents(100, 'chain-d'));
  assert.deepEqual(
    messages.filter((each) => String(each.key) === 'chain-d').map(eventId),
    spool.written.get('chain-d'),
    'each exactly once: nothing was sent again',
  );
  await spool.remove();
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(5);
}

test('a ledger whose broker dies while it reads says so, and goes on from there once it is back', async (t) => {
  const spool = await testSpool();
  // More than a broker gives at a time.
  for (let number = 0; number < 8; number++) spool.write(['chain-e'], 1, 900_000);
  await spool.writer.close('test');
  await startShipper({ dir: spool.dir, kafka: { brokers: [kafka.plaintext] }, clientId: 'test' }).close(60_000);
  const folder = await mkdtemp(join(tmpdir(), 'cairn-ledger-'));
  const ledger = openLedger(folder, { create: true });
  t.after(() => rm(folder, { recursive: true }));
  t.after(() => ledger.close());
  const connection = { brokers: [kafka.plaintext] };
  const { signal } = new AbortController();
  let killed: Promise<void> | undefined;
  const onReport = (): void => void (killed ??= kafka.kill());
  const broken = ingestKafka(ledger, { connection, until: 'end', onReport, stallMs: 5_000 }, signal);
  await assert.rejects(broken, /Kafka gave nothing for 5 s|ECONNREFUSED|Connection/);
  await killed;
  await kafka.restart();
  await ingestKafka(ledger, { connection, until: 'end' }, signal);
  const taken = [...ledger.query({ order: 'oldest' })].map(({ event }) => event.id);
  const expected = new Set(spool.written.get('chain-e'));
  assert.deepEqual(
    taken.filter((id) => expected.has(id)),
    [...expected],
  );
  await spool.remove();
});
