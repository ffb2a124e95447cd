/** Messages that the sidecar writes itself, and readers for the few that it looks into (protocol 3.0, "Message Formats"). */

/** What an ErrorResponse says; each member is one of its fields. */
export interface ErrorWords {
  severity?: 'ERROR' | 'FATAL';
  /** SQLSTATE. */
  code: string;
  message: string;
  detail?: string | undefined;
  hint?: string | undefined;
}

export function message(type: string, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const whole = Buffer.allocUnsafe(5 + body.length);
  whole[0] = type.charCodeAt(0);
  whole.writeInt32BE(4 + body.length, 1);
  body.copy(whole, 5);
  return whole;
}

export function errorResponse({ severity = 'ERROR', code, message: text, detail, hint }: ErrorWords): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${code}`, `M${text}`];
  if (detail) fields.push(`D${detail}`);
  if (hint) fields.push(`H${hint}`);
  return message('E', ...fields.map((field) => `${field.replaceAll('\0', '')}\0`), '\0');
}

/** Fields of an ErrorResponse or NoticeResponse by their type byte. */
export function errorFields(buffer: Buffer, start: number, end: number): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = start + 5; at < end - 1;) {
    const stop = cstringEnd(buffer, at + 1, end);
    fields.set(String.fromCharCode(buffer[at]!), buffer.toString('utf8', at + 1, stop));
    at = stop + 1;
  }
  return fields;
}

/** Index of the NUL that ends the string at `at`; `end` where there is none. */
export function cstringEnd(buffer: Buffer, at: number, end: number): number {
  for (let index = at; index < end; index++) if (buffer[index] === 0) return index;
  return end;
}

export const SYNC = message('S');
export const FLUSH = message('H');
export const AUTHENTICATION_OK = message('R', Buffer.from([0, 0, 0, 0]));

export const queryMessage = (sql: string): Buffer => message('Q', sql, '\0');
export const parseMessage = (name: string, sql: string): Buffer => message('P', name, '\0', sql, '\0', Buffer.alloc(2));
export const describeMessage = (what: 'S' | 'P', name: string): Buffer => message('D', what, name, '\0');
export const closeStatementMessage = (name: string): Buffer => message('C', 'S', name, '\0');
export const executeMessage = (portal: string): Buffer => message('E', portal, '\0', Buffer.alloc(4));
export const parameterStatus = (name: string, value: string): Buffer => message('S', name, '\0', value, '\0');

/** An untyped startup-phase packet: length, then words or bytes. */
export function packet(...parts: (number | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part !== 'number') return part;
      const word = Buffer.alloc(4);
      word.writeInt32BE(part);
      return word;
    }),
  );
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + body.length);
  return Buffer.concat([length, body]);
}
