/** One stored line -> what the index needs of it. Pure; a line that cannot be an event is a sentence, never an exception. */
import { MAX_LINE_BYTES, type AuditEvent } from '@cairn/audit';
import type { Launch, Principal } from '@cairn/identity';

export interface EventRow {
  readonly line: string;
  readonly id: string;
  readonly stream: string;
  readonly seq: number;
  /** Nanoseconds since the epoch. */
  readonly time: bigint;
  readonly root: Principal | undefined;
  readonly launch: Launch | undefined;
  readonly agent: readonly [name: string, namespace: string] | undefined;
  /** Name and `host:port`. */
  readonly target: readonly [name: string, address: string] | undefined;
  readonly verb: string | undefined;
  readonly action: string | undefined;
  readonly session: string | undefined;
  /** Statement and resources, as they are. */
  readonly text: string;
}

export interface Rejection {
  readonly reason: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const RFC3339_UTC = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/;

/** Nanoseconds since the epoch of an RFC 3339 UTC time; undefined where it is none. */
export function nanoseconds(time: unknown): bigint | undefined {
  const match = typeof time === 'string' ? RFC3339_UTC.exec(time) : null;
  const milliseconds = match ? Date.parse(`${match[1]}Z`) : Number.NaN;
  if (!match || Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** Reads one canonical event line. */
export function readLine(line: string): EventRow | Rejection {
  if (line.length > MAX_LINE_BYTES || Buffer.byteLength(line) > MAX_LINE_BYTES)
    return { reason: `the line is longer than ${MAX_LINE_BYTES} bytes` };
  let event: Partial<AuditEvent>;
  try {
    event = JSON.parse(line) as Partial<AuditEvent>;
  } catch {
    return { reason: 'the line is not JSON' };
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return { reason: 'the line is not a JSON object' };
  const { integrity } = event;
  const time = nanoseconds(event.time);
  if (typeof event.id !== 'string' || !UUID.test(event.id)) return { reason: 'id is not a UUID in lower case' };
  if (time === undefined) return { reason: 'time is not RFC 3339 in UTC' };
  if (typeof integrity?.stream !== 'string' || !UUID.test(integrity.stream))
    return { reason: 'integrity.stream is not a UUID in lower case' };
  if (!Number.isSafeInteger(integrity.seq) || integrity.seq < 0) return { reason: 'integrity.seq is not a whole number from 0' };
  return { line, id: event.id, stream: integrity.stream, seq: integrity.seq, time, ...named(event) };
}

type Named = Pick<EventRow, 'root' | 'launch' | 'agent' | 'target' | 'verb' | 'action' | 'session' | 'text'>;
/** A line may hold anything: its members are read as unknown. */
type Members = Readonly<Record<string, unknown>>;

/** Names to search by. Members of a wrong type are left out: the event is kept all the same, and verify will say. */
function named(event: Members): Named {
  const agent = members(event['agent']);
  const target = members(event['target']);
  return {
    root: principal(members(event['root'])),
    launch: launch(members(event['launch'])),
    agent: typeof agent['name'] === 'string' ? [agent['name'], text(agent['namespace'])] : undefined,
    target: typeof target['name'] === 'string' ? [target['name'], `${text(target['host'])}:${text(target['port'])}`] : undefined,
    verb: string(members(event['operation'])['verb']),
    action: string(members(event['decision'])['action']),
    session: string(members(event['session'])['id']),
    text: eventText(event),
  };
}

function principal({ iss, sub, name, groups, authn }: Members): Principal | undefined {
  if (typeof iss !== 'string' || typeof sub !== 'string') return undefined;
  return { iss, sub, name: text(name), groups: strings(groups), authn: text(authn) as Principal['authn'] };
}

function launch({ id, chain, parent, depth, path }: Members): Launch | undefined {
  if (typeof id !== 'string' || typeof chain !== 'string') return undefined;
  return { id, chain, parent: text(parent), depth: typeof depth === 'number' ? depth : 0, path: strings(path) };
}

function members(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}

/** What full text searches: statement and resources. */
export function eventText(event: object): string {
  const { statement, resource, others } = members(members(event)['operation']);
  const more = Array.isArray(others) ? others.map((other) => text(members(other)['resource'])) : [];
  return [text(statement), text(resource), ...more].join(' ').trim();
}
