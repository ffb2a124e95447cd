/** The producer on kafkajs, within what kafkajs 2.2 does right. */
import { createRequire } from 'node:module';
import { CompressionTypes, Kafka, logLevel, Partitioners, type Producer as Client, type TopicMessages } from 'kafkajs';
import { kafkaConfig, type KafkaConnection } from './connection.js';
import { shipError } from './error.js';
import type { Message } from './message.js';
import type { Producer } from './producer.js';

/** Attempts inside kafkajs; the shipper's own loop, which connects anew, is what lasts. Explicit, as NODE_ENV changes the defaults. */
const RETRY = { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000, multiplier: 2, factor: 0.2 };
const ALL_IN_SYNC_REPLICAS = -1;

/**
 * Idempotent, all acknowledgements, one request in flight. kafkajs loses acknowledged messages when sends overlap or when a
 * send goes on after one that failed: the shipper therefore never does either (see Producer.send).
 */
export function kafkajsProducer(connection: KafkaConnection, clientId: string): Producer {
  quietIdleTimer();
  let client: Client | undefined;
  return {
    async connect() {
      try {
        const kafka = new Kafka({ ...kafkaConfig(connection, clientId), retry: RETRY, logLevel: logLevel.NOTHING });
        client = kafka.producer({
          idempotent: true,
          maxInFlightRequests: 1,
          allowAutoTopicCreation: false,
          createPartitioner: Partitioners.DefaultPartitioner,
          retry: RETRY,
        });
        await client.connect();
      } catch (error) {
        throw shipError(error);
      }
    },
    async send(messages) {
      try {
        await client!.sendBatch({ acks: ALL_IN_SYNC_REPLICAS, compression: CompressionTypes.None, topicMessages: byTopic(messages) });
      } catch (error) {
        throw shipError(error);
      }
    },
    async disconnect() {
      await client?.disconnect().catch(() => undefined);
      client = undefined;
    },
  };
}

function byTopic(messages: readonly Message[]): TopicMessages[] {
  const topics = new Map<string, TopicMessages>();
  for (const { topic, key, value, headers } of messages) {
    let entry = topics.get(topic);
    if (!entry) topics.set(topic, (entry = { topic, messages: [] }));
    entry.messages.push({ key, value, headers: { ...headers } });
  }
  return [...topics.values()];
}

interface RequestQueue {
  pending: unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

let quiet = false;

/**
 * kafkajs 2.2 looks at an empty queue of requests every millisecond, 3 % of a core for ever: with nothing pending there is
 * nothing to schedule, as a request that is queued later schedules its own look.
 */
function quietIdleTimer(): void {
  if (quiet) return;
  quiet = true;
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as { prototype?: RequestQueue };
  const schedule = queue.prototype?.scheduleCheckPendingRequests;
  if (!queue.prototype || !schedule) return;
  queue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
