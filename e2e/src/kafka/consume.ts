/** Reads topics to see what arrived. */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, type KafkaConfig, type KafkaMessage } from 'kafkajs';

const WAIT_MS = 60_000;

/** Everything in a topic from its beginning, in the order of arrival, once `isLast` says so of a message. Rejects after a minute. */
export async function consumeUntil(
  brokers: string,
  topic: string,
  isLast: (message: KafkaMessage) => boolean,
  config: Partial<KafkaConfig> = {},
): Promise<KafkaMessage[]> {
  const kafka = new Kafka({ ...config, brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `test-${randomUUID()}`, maxWaitTimeInMs: 100 });
  const messages: KafkaMessage[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`only ${messages.length} messages of ${topic} came within ${WAIT_MS} ms`)), WAIT_MS);
      consumer
        .run({
          eachMessage: async ({ message }) => {
            messages.push(message);
            if (isLast(message)) resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    clearTimeout(timer);
    await consumer.disconnect();
  }
  return messages;
}

/** Holds for the message that brings the `count`th distinct event, counting only the `key` where one is given. */
export function distinctEvents(count: number, key?: string): (message: KafkaMessage) => boolean {
  const ids = new Set<string>();
  return (message) => {
    if (key === undefined || String(message.key) === key) ids.add(eventId(message));
    return ids.size === count;
  };
}

export function eventId({ headers }: KafkaMessage): string {
  return String(headers?.['ce_id']);
}

/** Event ids by key, the first of each id: what a consumer has after dropping duplicates. */
export function idsByKey(messages: readonly KafkaMessage[]): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const message of messages) {
    const id = eventId(message);
    if (seen.has(id)) continue;
    seen.add(id);
    const chain = String(message.key);
    const ofChain = ids.get(chain) ?? [];
    ids.set(chain, ofChain);
    ofChain.push(id);
  }
  return ids;
}
