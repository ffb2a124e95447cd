/** Events as a table for people; programs read --json. */
import Table from 'cli-table3';
import type { AuditEvent } from '@cairn/audit';
import { statementOf } from './exchange.js';
import { printable, shorten, type Style } from './style.js';

const HEAD = ['time', 'stage', 'root', 'agent', 'target', 'statement', 'result', 'decision'];
const NO_BORDER = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((name) => [name, '']),
);
/** Columns that everything but the statement takes, about. */
const OTHER_COLUMNS = 110;
const LEAST_WIDTH = 40;

/** Without a final newline. */
export function eventTable(events: readonly AuditEvent[], style: Style, columns: number | undefined): string {
  const width = columns === undefined ? 200 : Math.max(columns - OTHER_COLUMNS, LEAST_WIDTH);
  const table = new Table({
    head: HEAD.map((name) => style.dim(name)),
    chars: { ...NO_BORDER, middle: ' ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
  });
  table.push(...events.map((event) => cells(event, style, width)));
  return table.toString();
}

function cells(event: AuditEvent, style: Style, width: number): string[] {
  const { response, decision } = event;
  const rows = response?.rows === undefined ? '' : ` ${response.rows} rows`;
  const result = response ? `${response.status}${rows}` : event.gap ? `${event.gap.count} missing` : '';
  const action = decision ? decision.action : '';
  const colour = action === 'Deny' ? style.red : action === 'RequireApproval' ? style.yellow : style.green;
  return [
    event.time,
    event.stage,
    printable(event.root?.name ?? event.attribution?.method ?? ''),
    printable(event.agent.name),
    printable(event.target?.name ?? ''),
    shorten(statementOf(event), width),
    printable(result),
    colour(action),
  ];
}
