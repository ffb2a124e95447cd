/** Cuts messages into sends. Pure. */
import type { Message } from './message.js';

/** Consecutive messages, in order, each batch within both limits; a message larger than `maxBytes` is a batch of its own. */
export function batchesOf(messages: readonly Message[], maxRecords: number, maxBytes: number): Message[][] {
  const batches: Message[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const batch = batches.at(-1);
    if (batch && batch.length < maxRecords && bytes + message.bytes <= maxBytes) {
      batch.push(message);
      bytes += message.bytes;
    } else {
      batches.push([message]);
      bytes = message.bytes;
    }
  }
  return batches;
}
