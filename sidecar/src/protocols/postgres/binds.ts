/** Bind messages and the values in them, as the server would read them. */
import { MAX_RECORDED_BIND, MAX_RECORDED_BINDS } from './limits.js';
import { cstringEnd } from './messages.js';

export interface BindNames {
  portal: string;
  statement: string;
  /** Where the parameter formats begin. */
  at: number;
}

export function bindNames(buffer: Buffer, start: number, end: number): BindNames {
  const portalEnd = cstringEnd(buffer, start + 5, end);
  const statementEnd = cstringEnd(buffer, portalEnd + 1, end);
  return {
    portal: portalEnd === start + 5 ? '' : buffer.toString('utf8', start + 5, portalEnd),
    statement: statementEnd === portalEnd + 1 ? '' : buffer.toString('utf8', portalEnd + 1, statementEnd),
    at: statementEnd + 1,
  };
}

export interface Binds {
  /** By position from "1"; null for NULL. */
  values: Record<string, unknown>;
  count: number;
  /** Result format codes as Bind gave them. */
  resultFormats: number[];
  truncated: boolean;
}

/** `types` are the parameters' OIDs where they are known. Throws RangeError on a message that lies about its lengths. */
export function readBinds(buffer: Buffer, from: number, end: number, types: readonly number[]): Binds {
  let at = from;
  const formats = readFormats(buffer, at, end);
  at += 2 + 2 * formats.length;
  const count = buffer.readUInt16BE(at);
  at += 2;
  const values: Record<string, unknown> = {};
  let truncated = count > MAX_RECORDED_BINDS;
  for (let index = 0; index < count; index++) {
    const length = buffer.readInt32BE(at);
    at += 4;
    if (length > end - at || length < -1) throw new RangeError('a bind is longer than its message');
    if (index < MAX_RECORDED_BINDS) {
      if (length > MAX_RECORDED_BIND) truncated = true;
      const binary = (formats.length === 1 ? formats[0] : formats[index]) === 1;
      values[String(index + 1)] =
        length < 0 ? null : binary ? binaryValue(buffer, at, at + length, types[index] ?? 0) : shortText(buffer, at, at + length);
    }
    if (length > 0) at += length;
  }
  return { values, count, resultFormats: readFormats(buffer, at, end), truncated };
}

function readFormats(buffer: Buffer, at: number, end: number): number[] {
  const count = buffer.readUInt16BE(at);
  if (count === 0) return [];
  if (at + 2 + 2 * count > end) throw new RangeError('format codes are longer than their message');
  return Array.from({ length: count }, (_, index) => buffer.readUInt16BE(at + 2 + 2 * index));
}

function shortText(buffer: Buffer, start: number, end: number): string {
  if (end - start <= MAX_RECORDED_BIND) return buffer.toString('utf8', start, end);
  return `${buffer.toString('utf8', start, start + MAX_RECORDED_BIND)}... (${end - start} bytes)`;
}

const MICROSECONDS = 1_000n;
/** 2000-01-01, PostgreSQL's epoch, in Unix milliseconds. */
const EPOCH_MS = 946_684_800_000;
const DAY_MS = 86_400_000;

/** A value in binary format; types without a decoder as `\x...`, as bytea is written. */
export function binaryValue(buffer: Buffer, start: number, end: number, type: number): unknown {
  const length = end - start;
  switch (type) {
    case 16:
      return length === 1 ? buffer[start] === 1 : hex(buffer, start, end);
    case 21:
      return length === 2 ? buffer.readInt16BE(start) : hex(buffer, start, end);
    case 23:
      return length === 4 ? buffer.readInt32BE(start) : hex(buffer, start, end);
    case 26:
      return length === 4 ? buffer.readUInt32BE(start) : hex(buffer, start, end);
    case 20:
      return length === 8 ? buffer.readBigInt64BE(start).toString() : hex(buffer, start, end);
    case 700:
      return length === 4 ? finite(buffer.readFloatBE(start)) : hex(buffer, start, end);
    case 701:
      return length === 8 ? finite(buffer.readDoubleBE(start)) : hex(buffer, start, end);
    case 18:
    case 19:
    case 25:
    case 114:
    case 1042:
    case 1043:
    case 705:
      return shortText(buffer, start, end);
    case 3802:
      return shortText(buffer, start + 1, end);
    case 2950:
      return length === 16
        ? buffer.toString('hex', start, end).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
        : hex(buffer, start, end);
    case 1082:
      return length === 4 ? date(EPOCH_MS + buffer.readInt32BE(start) * DAY_MS)?.slice(0, 10) : hex(buffer, start, end);
    case 1114:
    case 1184:
      return length === 8 ? date(EPOCH_MS + Number(buffer.readBigInt64BE(start) / MICROSECONDS)) : hex(buffer, start, end);
    case 1700:
      return length >= 8 ? numeric(buffer, start, end) : hex(buffer, start, end);
    default:
      return hex(buffer, start, end);
  }
}

function hex(buffer: Buffer, start: number, end: number): string {
  const shown = Math.min(end, start + MAX_RECORDED_BIND);
  return `\\x${buffer.toString('hex', start, shown)}${shown < end ? `... (${end - start} bytes)` : ''}`;
}

function finite(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function date(time: number): string | undefined {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : 'infinity';
}

/** Base-10000 digits with a weight and a display scale (numeric_send). */
function numeric(buffer: Buffer, start: number, end: number): string {
  const [digits, weight, sign, scale] = [
    buffer.readUInt16BE(start),
    buffer.readInt16BE(start + 2),
    buffer.readUInt16BE(start + 4),
    buffer.readUInt16BE(start + 6),
  ];
  if (sign === 0xc000) return 'NaN';
  if (sign !== 0 && sign !== 0x4000) return sign === 0xd000 ? 'Infinity' : '-Infinity';
  if (start + 8 + 2 * digits > end || scale > MAX_RECORDED_BIND || Math.abs(weight) > MAX_RECORDED_BIND) return hex(buffer, start, end);
  const digit = (position: number) => (position >= 0 && position < digits ? buffer.readUInt16BE(start + 8 + 2 * position) : 0);
  let whole = '';
  for (let position = 0; position <= weight; position++) whole += String(digit(position)).padStart(4, '0');
  let fraction = '';
  for (let position = weight + 1; fraction.length < scale; position++) fraction += String(digit(position)).padStart(4, '0');
  const text = (whole.replace(/^0+/, '') || '0') + (scale > 0 ? `.${fraction.slice(0, scale)}` : '');
  return sign === 0x4000 ? `-${text}` : text;
}
