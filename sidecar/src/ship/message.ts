/** Spool records as Kafka messages. Pure. */
import { EVENT_TYPE, PAYLOAD_HEADERS, type AuditEvent, type SpoolRecord, type Topics } from '@cairn/audit';
import { RECORD_OVERHEAD_BYTES } from './limits.js';

export interface Message {
  readonly topic: string;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** What it takes of a batch. */
  readonly bytes: number;
}

type Envelope = Pick<AuditEvent, 'id' | 'time' | 'stage'> & Partial<Pick<AuditEvent, 'launch' | 'agent' | 'trace'>>;

/** The message of one record. Throws SyntaxError where an event's line is not JSON: the spool is then not what we wrote. */
export function messageOf(record: SpoolRecord, topics: Topics): Message {
  if (record.kind === 'event') return eventMessage(record.line, record.stream, topics.events);
  if (record.kind === 'checkpoint') return sized(topics.checkpoints, record.stream, Buffer.from(record.note), {});
  const headers = { [PAYLOAD_HEADERS.stream]: record.stream, [PAYLOAD_HEADERS.record]: String(record.record) };
  return sized(topics.payloads, record.stream, record.ciphertext, headers);
}

/** CloudEvents 1.0.2, Kafka protocol binding 3.2 (binary content mode): attributes in `ce_` headers, the event itself untouched. */
function eventMessage(line: string, stream: string, topic: string): Message {
  const event = JSON.parse(line) as Envelope;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: EVENT_TYPE,
    ce_source: sourceOf(event),
    ce_time: event.time,
    ce_stage: event.stage,
  };
  if (event.launch) headers['ce_subject'] = event.launch.id;
  if (event.trace) headers['ce_traceparent'] = event.trace.traceparent;
  return sized(topic, event.launch?.chain ?? stream, Buffer.from(line), headers);
}

/** A URI reference (CloudEvents 1.0.2 `source`): the agent whose sidecar saw it. */
function sourceOf({ agent }: Envelope): string {
  return agent ? `/namespaces/${encodeURIComponent(agent.namespace)}/agents/${encodeURIComponent(agent.name)}` : '/cairn';
}

function sized(topic: string, key: string, value: Buffer, headers: Record<string, string>): Message {
  let bytes = RECORD_OVERHEAD_BYTES + Buffer.byteLength(key) + value.length;
  for (const name in headers) bytes += name.length + Buffer.byteLength(headers[name]!) + 4;
  return { topic, key, value, headers, bytes };
}
