/** Events from text, strictly: a line is accepted only if its bytes are the canonical form of what they mean. */
import { canonicalJson } from './canonical.js';
import type { AuditEvent, Integrity } from './event.js';
import { MAX_DEPTH, MAX_LINE_BYTES } from './limits.js';

export class EventError extends Error {
  constructor(
    /** `size` and `depth`: over a limit. `json`: not JSON in UTF-8. `canonical`: other bytes than RFC 8785 gives. `shape`: not an event. */
    readonly code: 'size' | 'depth' | 'json' | 'canonical' | 'shape',
    message: string,
  ) {
    super(message);
    this.name = 'EventError';
  }
}

const HASH = /^[0-9a-f]{64}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * One event line, without newline. Bytes are preferred where the line comes from outside: a string may have been decoded
 * leniently. Checks what the chain needs (id, stage, integrity); validateEvent checks the rest. Throws EventError.
 */
export function parseEvent(line: string | Uint8Array): AuditEvent {
  const text = typeof line === 'string' ? line : decode(line);
  if (text.length > MAX_LINE_BYTES || Buffer.byteLength(text) > MAX_LINE_BYTES) {
    throw new EventError('size', `the line is longer than ${MAX_LINE_BYTES} bytes`);
  }
  const value = parseJson(text);
  if (!depthWithin(value, MAX_DEPTH)) throw new EventError('depth', `the event is nested deeper than ${MAX_DEPTH} levels`);
  if (!isCanonical(value, text)) throw new EventError('canonical', 'the line is not in the canonical form of RFC 8785');
  if (!isChained(value)) throw new EventError('shape', 'the line is not an event: id, stage, time or integrity is missing or malformed');
  return value;
}

/** A line's text. Throws EventError `json` where its bytes are not UTF-8. */
export function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new EventError('json', 'the line is not UTF-8');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may hold what must not be in a log.
    throw new EventError('json', 'the line is not JSON');
  }
}

/**
 * Whether `text` is the canonical form of what was parsed from it. Numbers and strings are those of JSON.stringify (RFC 8785 3.2.2),
 * so text with sorted keys need not be serialised member by member. Keys that look like array indexes come in another order
 * from V8: those take the long way.
 */
function isCanonical(value: unknown, text: string): boolean {
  if (keysSorted(value) && JSON.stringify(value) === text) return true;
  try {
    return canonicalJson(value) === text;
  } catch {
    // A number that is too large for a double.
    return false;
  }
}

function keysSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(keysSorted);
  let before = '';
  for (const [key, member] of Object.entries(value)) {
    if (key < before || !keysSorted(member)) return false;
    before = key;
  }
  return true;
}

function depthWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  for (const member of Object.values(value)) if (!depthWithin(member, levels - 1)) return false;
  return true;
}

function isChained(value: unknown): value is AuditEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { id, stage, time, integrity } = value as Partial<AuditEvent>;
  return typeof id === 'string' && typeof stage === 'string' && typeof time === 'string' && isIntegrity(integrity);
}

function isIntegrity(value: Integrity | undefined): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).length === 4 &&
    isMatch(HASH, value.hash) &&
    isMatch(HASH, value.prev) &&
    isMatch(UUID, value.stream) &&
    Number.isSafeInteger(value.seq) &&
    value.seq >= 0
  );
}

function isMatch(pattern: RegExp, value: unknown): boolean {
  return typeof value === 'string' && pattern.test(value);
}
