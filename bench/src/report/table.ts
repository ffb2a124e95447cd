/** Rows for people. */
import type { Row } from './row.js';

const COLUMNS: readonly { title: string; cell: (row: Row) => string }[] = [
  { title: 'what', cell: (row) => row.name },
  { title: 'rate/s', cell: (row) => plain(row.rate) },
  { title: 'CPU us', cell: (row) => plain(row.cpu_us) },
  { title: 'rate x', cell: (row) => plain(row.rate_ratio) },
  { title: 'CPU x', cell: (row) => plain(row.cpu_ratio) },
  { title: 'compared with', cell: (row) => row.peer ?? '' },
  { title: 'p50 ms', cell: (row) => plain(row.p50_ms) },
  { title: 'p99 ms', cell: (row) => plain(row.p99_ms) },
  { title: 'RSS MB', cell: (row) => plain(row.rss_mb) },
];

function plain(value: number | null): string {
  return value === null ? '' : String(value);
}

/** A Markdown table, padded so that it reads as well in a terminal. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [COLUMNS.map((column) => column.title), ...rows.map((row) => COLUMNS.map((column) => column.cell(row)))];
  const widths = COLUMNS.map((_, index) => Math.max(...cells.map((line) => line[index]!.length)));
  const lines = cells.map((line) => `| ${line.map((cell, index) => pad(cell, widths[index]!, index)).join(' | ')} |`);
  const rule = `|${widths.map((width, index) => (isText(index) ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

function isText(column: number): boolean {
  return column === 0 || COLUMNS[column]!.title === 'compared with';
}

function pad(cell: string, width: number, column: number): string {
  return isText(column) ? cell.padEnd(width) : cell.padStart(width);
}
