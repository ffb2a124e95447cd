/**
 * What goes through Kafka: three topics, never compacted.
 *
 * Events: key = id of the chain's first launch (else the stream's id), value = the event's line without newline, headers by
 * the CloudEvents 1.0.2 Kafka binding, binary mode. Payloads: key = stream, headers `stream` and `record` (decimal),
 * value = ciphertext. Checkpoints: key = stream, value = the signed note.
 * Delivery is at least once: a consumer drops events whose id it has, payloads by stream and record.
 */
export interface Topics {
  readonly events: string;
  readonly payloads: string;
  readonly checkpoints: string;
}

export const TOPICS: Topics = Object.freeze({
  events: 'cairn.events.v1',
  payloads: 'cairn.payloads.v1',
  checkpoints: 'cairn.checkpoints.v1',
});

/** Headers of a payload record. */
export const PAYLOAD_HEADERS = Object.freeze({ stream: 'stream', record: 'record' });
