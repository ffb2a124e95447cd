/** A sealed result (application/vnd.postgresql.v3) as rows that a person reads. Pure; for replay, long after the session. */
import { MASK } from '../../guard/mask.js';
import { binaryValue } from './binds.js';
import { type Column, readColumns } from './columns.js';

export interface RenderedPayload {
  columns: { name: string; type: string }[];
  /** Values as text or plain JSON; null for NULL. COPY data has one text a line. */
  rows: unknown[][];
}

/** Messages as the server sent them; a payload that was cut ends with the last whole one. `maskedColumns` are shown as masked. */
export function renderPostgresPayload(bytes: Uint8Array, options: { maskedColumns?: readonly string[] } = {}): RenderedPayload {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const masked = new Set((options.maskedColumns ?? []).map((name) => name.toLowerCase()));
  let columns: Column[] = [];
  const rows: unknown[][] = [];
  for (let at = 0; at + 5 <= buffer.length;) {
    const size = 1 + buffer.readInt32BE(at + 1);
    if (size < 5 || at + size > buffer.length) break;
    const type = buffer[at];
    if (type === 0x54) columns = readColumns(buffer, at, at + size);
    else if (type === 0x44) rows.push(readRow(buffer, at, at + size, columns, masked));
    else if (type === 0x64) rows.push([buffer.toString('utf8', at + 5, at + size).replace(/\r?\n$/, '')]);
    at += size;
  }
  return { columns: columns.map(({ name, type }) => ({ name, type })), rows };
}

function readRow(buffer: Buffer, start: number, end: number, columns: readonly Column[], masked: ReadonlySet<string>): unknown[] {
  const values: unknown[] = [];
  let at = start + 7;
  for (let index = 0; index < buffer.readUInt16BE(start + 5); index++) {
    const length = buffer.readInt32BE(at);
    const stop = at + 4 + Math.max(0, length);
    if (stop > end) throw new RangeError('a value is longer than its DataRow');
    const column = columns[index];
    if (length < 0) values.push(null);
    else if (column && masked.has(column.name.toLowerCase())) values.push(MASK);
    else values.push(column?.format === 1 ? binaryValue(buffer, at + 4, stop, column.oid) : buffer.toString('utf8', at + 4, stop));
    at = stop;
  }
  return values;
}
