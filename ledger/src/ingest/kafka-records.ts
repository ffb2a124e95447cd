/** Kafka messages -> records, as the topics' contract in @cairn/audit says. Pure. */
import { PAYLOAD_HEADERS, type Topics } from '@cairn/audit';
import type { LedgerRecord } from './records.js';

export interface TopicMessage {
  key: Buffer | null;
  value: Buffer | null;
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Never throws: what cannot be read is a `broken` record. */
export function kafkaRecord(topics: Topics, topic: string, message: TopicMessage): LedgerRecord {
  const { key, value } = message;
  if (!value) return { kind: 'broken', content: key?.toString() ?? '', reason: `a message of ${topic} has no value` };
  if (topic === topics.payloads) return payloadRecord(topic, message, value);
  let text: string;
  try {
    text = utf8.decode(value);
  } catch {
    return { kind: 'broken', content: value.toString(), reason: `a message of ${topic} is not UTF-8` };
  }
  if (topic === topics.events) return { kind: 'event', line: text };
  const stream = key?.toString();
  return stream
    ? { kind: 'checkpoint', stream, note: text }
    : { kind: 'broken', content: text, reason: `a message of ${topic} has no key` };
}

function payloadRecord(topic: string, { headers }: TopicMessage, ciphertext: Buffer): LedgerRecord {
  const stream = header(headers?.[PAYLOAD_HEADERS.stream]);
  const record = header(headers?.[PAYLOAD_HEADERS.record]);
  if (stream && /^\d{1,10}$/.test(record)) return { kind: 'payload', stream, record: Number(record), ciphertext };
  const reason = `a message of ${topic} has no headers ${PAYLOAD_HEADERS.stream} and ${PAYLOAD_HEADERS.record}`;
  return { kind: 'broken', content: `${stream} ${record}`, reason };
}

function header(value: Buffer | string | (Buffer | string)[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value)?.toString() ?? '';
}
