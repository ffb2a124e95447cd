/** What the commands around evidence share: the ledger option, times, filters. */
import { InvalidArgumentError, type Command } from 'commander';
import type { Ledger, QueryFilter } from '@cairn/ledger';

export interface LedgerOption {
  ledger: string;
}

/** Options of every command that searches. */
export interface FilterOptions extends LedgerOption, QueryFilter {}

export function withLedger(command: Command): Command {
  return command.requiredOption('--ledger <folder>', 'the ledger');
}

export function withFilters(command: Command): Command {
  return withLedger(command)
    .option('--root <name>', 'name or subject of the person who set the chain in motion')
    .option('--group <name>', 'group of that person')
    .option('--agent <name>', 'agent, or namespace/agent')
    .option('--target <name>', 'target, or its host:port')
    .option('--verb <verb>', 'SELECT, POST, ...')
    .option('--decision <action>', 'Allow, Deny or RequireApproval')
    .option('--launch <id>', 'one launch')
    .option('--chain <id>', 'every launch of a chain')
    .option('--session <id>', 'one session')
    .option('--text <words>', 'words that statement and resources all hold; * at the end for a beginning')
    .option('--since <time>', 'RFC 3339, or back from now: 90s, 15m, 2h, 1d', pastTime)
    .option('--until <time>', 'as --since', pastTime);
}

/** Runs `work` on an open ledger and closes it. */
export async function onLedger<T>(folder: string, work: (ledger: Ledger) => Promise<T>): Promise<T> {
  const { openLedger } = await import('@cairn/ledger');
  const ledger = openLedger(folder);
  try {
    return await work(ledger);
  } finally {
    ledger.close();
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3, w: 7 * 86_400e3 };
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339 in UTC. */
export function pastTime(text: string): string {
  const back = /^(\d{1,6})([smhdw])$/.exec(text);
  if (back) return new Date(Date.now() - Number(back[1]) * UNITS[back[2]!]!).toISOString();
  const exact = text.toUpperCase().replace(' ', 'T');
  if (RFC3339.test(text) && !Number.isNaN(Date.parse(exact))) return exact.endsWith('Z') ? exact : new Date(exact).toISOString();
  if (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))) return `${text}T00:00:00Z`;
  throw new InvalidArgumentError('write it as 2026-01-31T12:00:00Z, 2026-01-31, or back from now as 90s, 15m, 2h, 1d');
}

export function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0');
}
