/** SASL and TLS towards a real broker: what passes, and how a refusal is told. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { localhostCertificate } from '@cairn/cli';
import { applyTopics, startShipper, type KafkaConnection, type ShipError } from '@cairn/sidecar';
import { startKafka, type KafkaBroker } from '../harness/kafka.js';
import { testSpool, type TestSpool } from './spool.js';

let kafka: KafkaBroker;
let spool: TestSpool;
let dir: string;

before(async () => {
  kafka = await startKafka({ users: { cairn: 'correct horse' }, tls: true });
  await applyTopics({ brokers: [kafka.plaintext] }, { partitions: 1, replicationFactor: 1, retentionDays: 1 }, true);
  dir = await mkdtemp(join(tmpdir(), 'cairn-kafka-security-'));
  await writeFile(join(dir, 'good'), 'correct horse\n');
  await writeFile(join(dir, 'bad'), 'battery staple');
  await writeFile(join(dir, 'ca.crt'), kafka.certificates!.ca);
  await writeFile(join(dir, 'stranger.crt'), (await localhostCertificate()).ca);
  spool = await testSpool();
});
after(async () => {
  await spool.writer.close('test');
  await spool.remove();
  await rm(dir, { recursive: true });
  await kafka.stop();
});

const scram = (passwordFile: string) => ({ mechanism: 'scram-sha-512', username: 'cairn', passwordFile: join(dir, passwordFile) }) as const;

async function ships(connection: KafkaConnection): Promise<void> {
  const shipper = startShipper({ dir: spool.dir, kafka: connection, clientId: 'test', deleteAcknowledged: false });
  spool.write(['chain'], 1);
  await shipper.whenAcknowledged(spool.position());
  await shipper.close();
}

async function firstProblem(connection: KafkaConnection): Promise<ShipError> {
  spool.write(['chain'], 1);
  const written = spool.position()[spool.writer.id]!;
  let shipper: ReturnType<typeof startShipper> | undefined;
  const problem = await new Promise<ShipError>((resolve) => {
    shipper = startShipper({
      dir: spool.dir,
      kafka: connection,
      clientId: 'test',
      deleteAcknowledged: false,
      onProblem: (error) => error && resolve(error),
    });
  });
  assert.ok((shipper!.acknowledged()[spool.writer.id] ?? 0) < written, 'nothing counts as shipped');
  await shipper!.close(0);
  return problem;
}

test('SCRAM with the right password ships', () => ships({ brokers: [kafka.sasl!], sasl: scram('good') }));

test('SCRAM with a wrong password is told as such, without the password', async () => {
  const problem = await firstProblem({ brokers: [kafka.sasl!], sasl: scram('bad') });
  assert.equal(problem.code, 'authentication');
  assert.equal(/battery|horse/.test(problem.message), false);
});

test('TLS verified against its CA ships, with SCRAM inside too', async () => {
  await ships({ brokers: [kafka.tls!], tls: { caFile: join(dir, 'ca.crt') } });
  await ships({ brokers: [kafka.saslTls!], tls: { caFile: join(dir, 'ca.crt') }, sasl: scram('good') });
});

test('TLS of a CA that is not ours, or of no known root, is refused', async () => {
  for (const tls of [{ caFile: join(dir, 'stranger.crt') }, {}]) {
    assert.equal((await firstProblem({ brokers: [kafka.tls!], tls })).code, 'tls');
  }
});

test('a password that is mended in its file is used without a restart', async () => {
  await writeFile(join(dir, 'rotating'), 'not yet');
  const options = {
    dir: spool.dir,
    kafka: { brokers: [kafka.sasl!], sasl: scram('rotating') },
    clientId: 'test',
    deleteAcknowledged: false,
  };
  spool.write(['chain'], 1);
  let refused = () => {};
  const told = new Promise<void>((resolve) => (refused = resolve));
  const shipper = startShipper({ ...options, onProblem: () => refused() });
  await told;
  await writeFile(join(dir, 'rotating'), 'correct horse');
  await shipper.whenAcknowledged(spool.position());
  await shipper.close();
});
