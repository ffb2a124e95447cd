/** Topics made by the command, and what other people's consumers read from them. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MAX_LINE_BYTES, TOPICS } from '@cairn/audit';
import { startShipper, type ShipError } from '@cairn/sidecar';
import kafkajs from 'kafkajs';
import { startKafka, type KafkaBroker } from '../harness/kafka.js';
import { consumeUntil, distinctEvents, eventId } from './consume.js';
import { testSpool } from './spool.js';

const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;
const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CAIRN = join(dirname(createRequire(import.meta.url).resolve('@cairn/cli')), '../bin/cairn.js');
let kafka: KafkaBroker;

before(async () => {
  kafka = await startKafka();
});
after(() => kafka.stop());

/** Exit code and output of `cairn topics apply` on the broker. */
async function topicsApply(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = [CAIRN, 'topics', 'apply', '--brokers', kafka.plaintext, '--partitions', '3', ...args];
  return run(process.execPath, command).then(
    (output) => ({ code: 0, ...output }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

test('a missing topic is told, and shipped to as soon as `cairn topics apply` made it', async () => {
  const spool = await testSpool();
  spool.write(['chain-early'], 3);
  let told: (problem: ShipError) => void = () => {};
  const first = new Promise<ShipError>((resolve) => (told = resolve));
  const options = { dir: spool.dir, kafka: { brokers: [kafka.plaintext] }, clientId: 'test' };
  const shipper = startShipper({ ...options, onProblem: (problem) => problem && told(problem) });
  assert.equal((await first).code, 'topic-missing');
  const wanting = await topicsApply('--replication-factor', '1', '--check');
  assert.deepEqual([wanting.code, wanting.stdout.includes(`${TOPICS.events}: missing`)], [1, true]);
  const made = await topicsApply('--replication-factor', '1');
  assert.deepEqual([made.code, made.stderr], [0, '']);
  await shipper.whenAcknowledged(spool.position());
  await shipper.close();
  await spool.writer.close('test');
  await spool.remove();
});

test('`cairn topics apply` tells what differs, mends it, keeps what else is set, and says what it leaves alone', async () => {
  const admin = new Kafka({ brokers: [kafka.plaintext], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const entries = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'segment.ms', value: '777000' },
  ];
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: TOPICS.checkpoints, configEntries: entries }],
  });
  const check = await topicsApply('--replication-factor', '1', '--check', '--json');
  assert.equal(check.code, 1);
  const { remaining } = JSON.parse(check.stdout) as { remaining: { topic: string; setting: string; found: string }[] };
  assert.ok(remaining.some((each) => each.topic === TOPICS.checkpoints && each.setting === 'cleanup.policy' && each.found === 'compact'));
  assert.equal((await topicsApply('--replication-factor', '1')).code, 0);
  assert.equal((await topicsApply('--replication-factor', '1')).stdout, 'topics are as they should be\n');
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: TOPICS.checkpoints, configNames: ['segment.ms'] }],
  });
  assert.equal(described.resources[0]!.configEntries[0]!.configValue, '777000');
  const more = await topicsApply('--replication-factor', '1', '--partitions', '5');
  assert.deepEqual([more.code, /partitions is 3, should be 5: left alone/.test(more.stdout)], [1, true]);
  await admin.disconnect();
});

test('`cairn topics apply` on a cluster that is not there, or too small, exits 2 with a sentence', async () => {
  const small = await topicsApply('--replication-factor', '3', '--brokers', kafka.plaintext);
  assert.deepEqual([small.code, small.stderr], [1, ''], 'existing topics: fewer replicas are only told');
  const gone = await topicsApply('--brokers', '127.0.0.1:1');
  assert.equal(gone.code, 2);
  assert.match(gone.stderr, /Kafka cannot be reached/);
  assert.equal((await topicsApply('--partitions', 'many')).code, 2);
});

test('an event as large as a line may be arrives whole', async () => {
  const spool = await testSpool();
  const padding = MAX_LINE_BYTES - 2_000;
  spool.write(['chain-large'], 1, padding);
  spool.write(['chain-large'], 1);
  await spool.writer.close('test');
  await startShipper({ dir: spool.dir, kafka: { brokers: [kafka.plaintext] }, clientId: 'test' }).close(60_000);
  const messages = await consumeUntil(kafka.plaintext, TOPICS.events, distinctEvents(2, 'chain-large'));
  const large = messages.find((each) => eventId(each) === spool.written.get('chain-large')![0]);
  assert.ok(large!.value!.length > padding);
  await spool.remove();
});

test('kcat reads an event as a CloudEvent', async () => {
  const format = '%k|%h|%s\\n';
  const { stdout } = await run('kcat', ['-b', kafka.plaintext, '-C', '-t', TOPICS.events, '-o', 'beginning', '-e', '-q', '-f', format]);
  const [key, headers, value] = stdout
    .split('\n')
    .find((line) => line.startsWith('chain-early|'))!
    .split('|') as [string, string, string];
  const attributes = Object.fromEntries(headers.split(',').map((header) => header.split('=') as [string, string]));
  const event = JSON.parse(value) as { id: string; time: string; launch: { chain: string } };
  assert.equal(attributes['ce_specversion'], '1.0');
  assert.equal(attributes['ce_type'], 'dev.cairn.audit.v1');
  assert.equal(attributes['content-type'], 'application/json');
  assert.deepEqual([attributes['ce_id'], attributes['ce_time'], key], [event.id, event.time, event.launch.chain]);
});

test('`cairn ingest` takes the topics into a ledger, goes on where it stopped, and does not mix sources', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-ledger-'));
  t.after(() => rm(folder, { recursive: true }));
  const ingest = (...args: string[]): Promise<{ stderr: string }> =>
    run(process.execPath, [CAIRN, 'ingest', `kafka://${kafka.plaintext}`, '--ledger', folder, ...args]);
  const events = async (): Promise<number> => {
    const { stdout } = await run(process.execPath, [CAIRN, 'query', '--ledger', folder, '--json']);
    return stdout.split('\n').filter((line) => line.includes('"stage":"intent"')).length;
  };
  await ingest();
  const first = await events();
  assert.ok(first > 0);
  const spool = await testSpool();
  spool.write(['chain-later'], 2);
  await spool.writer.close('test');
  await startShipper({ dir: spool.dir, kafka: { brokers: [kafka.plaintext] }, clientId: 'test' }).close(60_000);
  await spool.remove();
  await ingest();
  assert.equal(await events(), first + 2);
  await assert.rejects(ingest('--acknowledge'), { code: 2, stderr: /--acknowledge is for spool folders/ });
});

test('the consumer in docs/kafka.md runs as it stands there', async (t) => {
  const page = await readFile(join(ROOT, 'docs/kafka.md'), 'utf8');
  const source = /```js\n([\s\S]*?)```/.exec(page)![1]!;
  assert.ok(source.trim().split('\n').length <= 16, 'it is meant to be short');
  // Beside this test, so that it finds kafkajs as a user's own project does.
  const folder = await mkdtemp(join(dirname(fileURLToPath(import.meta.url)), 'consumer-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'consumer.mjs'), source);
  const child = spawn(process.execPath, [join(folder, 'consumer.mjs')], {
    env: { ...process.env, BROKERS: kafka.plaintext },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('research/sql-writer intent SELECT')) break;
  }
  child.kill('SIGKILL');
  const [, signal] = (await once(child, 'exit')) as [number | null, string];
  assert.equal(signal, 'SIGKILL', 'it printed an event and was still consuming');
});
