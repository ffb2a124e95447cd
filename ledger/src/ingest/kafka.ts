/**
 * Kafka -> ledger. Offsets live in the ledger, in the transaction of the rows, and the broker's group is only a way to
 * be assigned partitions: a group of its own every time, which begins at the ledger's offsets. So a crash loses and doubles nothing.
 */
import { randomUUID } from 'node:crypto';
import { TOPICS, type Topics } from '@cairn/audit';
import { Kafka, logLevel, type Admin, type Consumer, type EachBatchPayload, type KafkaConfig } from 'kafkajs';
import type { Ledger } from '../ledger.js';
import { KAFKA_RETRIES, KAFKA_STALL_MS } from '../limits.js';
import { kafkaRecord } from './kafka-records.js';
import { onceLed } from './led.js';
import type { IngestReport } from './records.js';

export interface KafkaIngestOptions {
  /** Brokers, TLS and SASL, as kafkajs takes them. */
  connection: Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl' | 'clientId'>;
  topics?: Topics;
  /** `end`: stop at what was there at the start. `follow`: until the signal. */
  until: 'end' | 'follow';
  onReport?: (report: IngestReport) => void;
  /** Milliseconds; default KAFKA_STALL_MS. */
  stallMs?: number;
}

interface Partition {
  topic: string;
  partition: number;
  /** Next offset to take. */
  next: bigint;
  /** Offset behind the last message at the start. */
  end: bigint;
}

/**
 * Resolves when it is done or aborted. Throws kafkajs' errors: broker unreachable, topic unknown, not authorised. `follow` waits for a broker
 * that is lost on the way; `end` throws, and what was taken by then stays.
 */
export async function ingestKafka(ledger: Ledger, options: KafkaIngestOptions, signal: AbortSignal): Promise<void> {
  const { topics = TOPICS, connection } = options;
  const retry = { retries: KAFKA_RETRIES };
  const kafka = new Kafka({ clientId: 'cairn-ledger', ...connection, retry, logLevel: logLevel.NOTHING });
  const groupId = `cairn-ledger-${randomUUID()}`;
  const admin = kafka.admin();
  // Who follows waits for a broker that is lost on the way.
  const restartOnFailure = (): Promise<boolean> => Promise.resolve(options.until === 'follow');
  const consumer = kafka.consumer({ groupId, retry: { ...retry, restartOnFailure } });
  try {
    await admin.connect();
    const partitions = await onceLed(() => findPartitions(ledger, admin, topics), signal);
    if (options.until === 'end' && partitions.every(atEnd)) return;
    beginAt(consumer, partitions);
    await consumer.connect();
    await consumer.subscribe({ topics: [...new Set(partitions.map(({ topic }) => topic))] });
    await consume(ledger, consumer, partitions, { ...options, topics }, signal);
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => undefined);
  } finally {
    // What a lost broker keeps of the group, it forgets by itself.
    await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
  }
}

async function findPartitions(ledger: Ledger, admin: Admin, topics: Topics): Promise<Partition[]> {
  const partitions: Partition[] = [];
  for (const topic of [topics.events, topics.payloads, topics.checkpoints]) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const stored = BigInt(ledger.position(sourceOf(topic, partition)) ?? low);
      // Retention may have removed what was not taken yet; verify will tell what is missing.
      partitions.push({ topic, partition, next: stored < BigInt(low) ? BigInt(low) : stored, end: BigInt(high) });
    }
  }
  return partitions;
}

/**
 * Before the first fetch, and again whenever the group was left and joined anew. The group itself holds no offsets: kafkajs would wait
 * five seconds for each topic's.
 */
function beginAt(consumer: Consumer, partitions: readonly Partition[]): void {
  consumer.on('consumer.group_join', () => {
    for (const { topic, partition, next } of partitions) consumer.seek({ topic, partition, offset: String(next) });
  });
}

function consume(
  ledger: Ledger,
  consumer: Consumer,
  partitions: readonly Partition[],
  options: KafkaIngestOptions & { topics: Topics },
  signal: AbortSignal,
): Promise<void> {
  const { stallMs = KAFKA_STALL_MS } = options;
  let stall: NodeJS.Timeout | undefined;
  const ended = new Promise<void>((done, fail) => {
    if (signal.aborted) done();
    signal.addEventListener('abort', () => done(), { once: true });
    const isBounded = options.until === 'end';
    // A crash that kafkajs mends itself is no end.
    consumer.on('consumer.crash', ({ payload }) => {
      if (!payload.restart) fail(payload.error);
    });
    const stalled = (): void => fail(new Error(`Kafka gave nothing for ${stallMs / 1000} s, and more is there to be taken`));
    if (isBounded) stall = setTimeout(stalled, stallMs);
    const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
      const { batch } = payload;
      const report = takeBatch(ledger, batch, options.topics);
      options.onReport?.(report);
      stall?.refresh();
      await payload.heartbeat();
      const taken = partitions.find(({ topic, partition }) => topic === batch.topic && partition === batch.partition);
      if (taken) taken.next = BigInt(batch.lastOffset()) + 1n;
      if (isBounded && partitions.every(atEnd)) done();
    };
    consumer.run({ autoCommit: false, eachBatch }).catch(fail);
  });
  return ended.finally(() => clearTimeout(stall));
}

function takeBatch(ledger: Ledger, batch: EachBatchPayload['batch'], topics: Topics): IngestReport {
  const records = batch.messages.map((message) => kafkaRecord(topics, batch.topic, message));
  const position = String(BigInt(batch.lastOffset()) + 1n);
  return ledger.ingest(records, { source: sourceOf(batch.topic, batch.partition), position });
}

function atEnd({ next, end }: Partition): boolean {
  return next >= end;
}

function sourceOf(topic: string, partition: number): string {
  return `kafka:${topic}/${partition}`;
}
