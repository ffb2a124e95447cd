/** Questions to a broker that came back a moment ago and does not lead its partitions yet; kafkajs leaves asking again to its caller. */
import { setTimeout as delay } from 'node:timers/promises';
import { KAFKA_RETRIES, KAFKA_UNLED_MS } from '../limits.js';

/** Resolves to the answer, asked for up to KAFKA_RETRIES times more. Rejects with any other error at once, and with this one in the end. */
export async function onceLed<T>(ask: () => Promise<T>, signal: AbortSignal, pauseMs = KAFKA_UNLED_MS): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await ask();
    } catch (error) {
      const isUnled = (error as { type?: string }).type === 'NOT_LEADER_FOR_PARTITION';
      if (!isUnled || retries >= KAFKA_RETRIES || signal.aborted) throw error;
      await delay(pauseMs);
    }
  }
}
