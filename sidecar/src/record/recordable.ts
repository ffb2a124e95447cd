/** What agents had a hand in, brought to what canonical JSON can say: an evidence line is never lost to a value. */
import { canonicalJson } from '@cairn/audit';

/** Levels of parameters that are kept: an event may be nested 64 deep in all. */
export const MAX_PARAMETER_DEPTH = 32;

const TOO_DEEP = '(nested too deep to be recorded)';
const LONE_SURROGATE = /\p{Surrogate}/u;
/** What JSON escapes (RFC 8259 7), and every surrogate, paired or not. */
// eslint-disable-next-line no-control-regex
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;
const LONE_SURROGATES = /\p{Surrogate}/gu;

/** RFC 8785 knows no lone surrogates; text that is not Unicode keeps its place with U+FFFD. */
export function wellFormed(text: string): string {
  return LONE_SURROGATE.test(text) ? text.replace(LONE_SURROGATES, '\ufffd') : text;
}

/** A JSON string of the text. Nearly all text needs no escape, which one look tells. */
export function quoted(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(wellFormed(text)) : `"${text}"`;
}

/** Canonical JSON of the value, or of the nearest that JSON can say. */
export function recordedJson(value: unknown): string {
  return canonicalJson(isRecordable(value, MAX_PARAMETER_DEPTH) ? value : recordable(value, MAX_PARAMETER_DEPTH));
}

/** Nearly everything is, and need not be copied. */
function isRecordable(value: unknown, levels: number): boolean {
  if (typeof value === 'string') return !LONE_SURROGATE.test(value);
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  if (levels === 0) return false;
  for (const name in value) {
    if (LONE_SURROGATE.test(name) || !isRecordable((value as Record<string, unknown>)[name], levels - 1)) return false;
  }
  return true;
}

/**
 * PostgreSQL's float8 knows NaN and Infinity and JSON does not (RFC 8259 6), so such numbers, and whole ones beyond a double,
 * are recorded as the text that the target would print.
 */
function recordable(value: unknown, levels: number): unknown {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return TOO_DEEP;
  if (Array.isArray(value)) return value.map((each) => recordable(each, levels - 1));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [wellFormed(name), recordable(each, levels - 1)]));
}
