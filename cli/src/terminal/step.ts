/** One step of a replay: the event's line, then what it was asked with and what came back. */
import type { AuditEvent } from '@cairn/audit';
import type { PayloadReader } from '@cairn/ledger';
import { bodyLines } from './body.js';
import { eventLine, statementOf } from './exchange.js';
import { printable, styleFor } from './style.js';

export interface StepOptions {
  number: number;
  of: number;
  /** Opens sealed bodies; without it their sizes are told. */
  reader: PayloadReader | undefined;
  unmask: boolean;
}

const INDENT = '      ';

/** Without a final newline. */
export async function stepText(event: AuditEvent, options: StepOptions): Promise<string> {
  const style = styleFor(process.stdout);
  const lines = [`${style.dim(`${options.number}/${options.of}`)} ${eventLine(event, style)}`];
  const details = event.stage === 'complete' ? resultLines(event) : event.stage === 'intent' ? requestLines(event) : [];
  for (const body of ['request', 'response'] as const) details.push(...(await sealedLines(event, body, options)));
  return [...lines, ...details.map((line) => INDENT + line)].join('\n');
}

function requestLines(event: AuditEvent): string[] {
  const { operation } = event;
  const statement = statementOf(event);
  // The event's line cuts a long statement; a replay shows all of it.
  const lines = statement.length > LONG_STATEMENT ? [statement] : [];
  for (const [name, value] of Object.entries(operation?.parameters ?? {})) {
    const text = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
    lines.push(printable(`${/^\d+$/.test(name) ? `$${name}` : name} = ${text}`));
  }
  for (const other of operation?.others ?? []) lines.push(printable(`also ${other.verb} ${other.resource} (${other.effect})`));
  return lines;
}

const LONG_STATEMENT = 200;

function resultLines({ response }: AuditEvent): string[] {
  if (!response?.columns) return [];
  return [`columns: ${response.columns.map(({ name, type }) => printable(`${name} ${type}`)).join(', ')}`];
}

async function sealedLines(event: AuditEvent, part: 'request' | 'response', options: StepOptions): Promise<string[]> {
  const body = event[part];
  if (!body?.payload || body.payload.length === 0) return [];
  if (!options.reader) return [`${part}: ${body.size} bytes under seal; --key opens it`];
  try {
    const opened = await options.reader.open(event, body);
    return opened ? [`${part}:`, ...(await bodyLines(opened, event, { unmask: options.unmask, part }))] : [];
  } catch (error) {
    // One body that does not open must not hide the rest of the chain.
    return [`${part}: ${(error as Error).message}`];
  }
}
