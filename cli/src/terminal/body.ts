/** Bodies for people: rows as a table, JSON indented, masked values hidden unless the auditor asks for them. */
import Table from 'cli-table3';
import type { AuditEvent } from '@cairn/audit';
import type { OpenedBody } from '@cairn/ledger';
import { decodeKubernetes, DecodeError, isKubernetesBinary } from '../kubernetes/index.js';
import { terminalLines } from './asciicast.js';
import { printable, shorten } from './style.js';

export interface BodyOptions {
  /** Shows what was masked on the wire. */
  unmask: boolean;
  part: 'request' | 'response';
}

const POSTGRES = 'application/vnd.postgresql.v3';
/** Rows, lines and characters of one body that are shown; `cairn unseal --raw` gives everything. Terminal sessions are told whole. */
const MAX_ROWS = 50;
const MAX_LINES = 60;
const MAX_CELL = 80;

/** Lines without a final newline. */
export async function bodyLines(body: OpenedBody, event: AuditEvent, options: BodyOptions): Promise<string[]> {
  const masked = options.unmask ? [] : (event.masked ?? []).map(({ path }) => lastMember(path));
  const rows = body.type === POSTGRES && options.part === 'response';
  const lines = rows ? await postgresLines(body.bytes, masked) : await otherLines(body, event, masked);
  if (body.truncated) lines.push('(the record holds no more of this body)');
  return lines;
}

/** The whole body as JSON, nothing masked, and in sentences what is not in it. Throws a sentence where it is none. */
export async function bodyJson(body: OpenedBody, event: AuditEvent): Promise<{ values: unknown[]; notes: string[] }> {
  const { values, notes } = isKubernetesBinary(body.type, event.protocol) ? await decodeKubernetes(body) : oneJson(body);
  return { values, notes: body.truncated ? [...notes, 'the record holds no more of this body'] : notes };
}

function oneJson({ bytes, type }: OpenedBody): { values: unknown[]; notes: string[] } {
  const parsed = parseJson(bytes);
  if (parsed === undefined) throw new Error(`${bytes.length} bytes of ${type} are not one JSON value: cairn unseal --raw gives them`);
  return { values: [parsed], notes: [] };
}

async function otherLines(body: OpenedBody, event: AuditEvent, masked: readonly string[]): Promise<string[]> {
  if (isTerminal(body)) return terminalLines(body.bytes);
  return isKubernetesBinary(body.type, event.protocol) ? kubernetesLines(body, masked) : textLines(body, masked);
}

const isTerminal = ({ type }: OpenedBody): boolean => type.startsWith('application/x-asciicast');

/** `customers.email`, `$.people[*].email`, `/people/0/email` and `$..['email']` all mask `email`; a quoted name may hold anything. */
function lastMember(path: string): string {
  const quoted = /\['((?:[^'\\]|\\.)*)'\]$/.exec(path)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, '$1');
  return path.split(/[./[\]"'$*]+/).findLast((part) => part !== '' && !/^\d+$/.test(part)) ?? path;
}

async function postgresLines(bytes: Buffer, maskedColumns: string[]): Promise<string[]> {
  const { renderPostgresPayload } = await import('@cairn/sidecar');
  const { columns, rows } = renderPostgresPayload(bytes, { maskedColumns });
  // COPY has no columns to mask by.
  if (columns.length === 0 && maskedColumns.length > 0) return [`(${rows.length} lines with masked content; --unmask shows them)`];
  if (columns.length === 0 && rows.length === 0) return [];
  const table = new Table({
    head: columns.map(({ name }) => printable(name)),
    style: { head: [], border: [] },
  });
  for (const row of rows.slice(0, MAX_ROWS)) table.push(row.map(cell));
  return [...table.toString().split('\n'), ...(rows.length > MAX_ROWS ? [`(${rows.length - MAX_ROWS} rows more)`] : [])];
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return shorten(printable(typeof value === 'string' ? value : JSON.stringify(value)), MAX_CELL);
}

function textLines({ bytes, type }: OpenedBody, masked: readonly string[]): string[] {
  const parsed = /json/i.test(type) ? parseJson(bytes) : undefined;
  if (parsed !== undefined) return cut(jsonLines(parsed, masked));
  if (masked.length > 0) return [`(${bytes.length} bytes of ${printable(type)} with masked content; --unmask shows it)`];
  if (!/^text\/|json|xml|urlencoded/i.test(type)) return [`(${bytes.length} bytes of ${printable(type)})`];
  return cut(bytes.toString().split('\n'));
}

/** Masked like JSON: by the names that members have in it. */
async function kubernetesLines(body: OpenedBody, masked: readonly string[]): Promise<string[]> {
  try {
    const { values, notes } = await decodeKubernetes(body);
    return [...cut(values.flatMap((value) => jsonLines(value, masked))), ...notes.map((note) => `(${note})`)];
  } catch (error) {
    if (error instanceof DecodeError) return [`(${printable(error.message)})`];
    throw error;
  }
}

function jsonLines(json: unknown, masked: readonly string[]): string[] {
  return JSON.stringify(json, (name, value: unknown) => (masked.includes(name) ? '***' : value), 2).split('\n');
}

function cut(lines: string[]): string[] {
  const shown = lines.slice(0, MAX_LINES).map((line) => line.match(/^ */)![0] + printable(line.trimStart()));
  return lines.length > MAX_LINES ? [...shown, `(${lines.length - MAX_LINES} lines more)`] : shown;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}
