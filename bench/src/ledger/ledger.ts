/** How fast a ledger takes events in, and how long an investigator waits. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LEDGER_FILES, openLedger, type Ledger, type LedgerRecord, type QueryOptions } from '@cairn/ledger';
import { generateEvents } from './generator.js';

export interface LedgerRow {
  name: string;
  /** Events in the ledger. */
  events: number;
  /** Events per second; of ingest alone, without their generation. */
  rate?: number;
  /** CPU microseconds an event. */
  cpu_us?: number;
  p50_ms?: number;
  p99_ms?: number;
  rss_mb: number;
  /** Bytes on disk an event. */
  bytes?: number;
}

/** Events that are generated before they are taken in, so that each is measured alone. */
const CHUNK = 10_000;
/** Times that each query is asked, with other names each. */
const ASKS = 200;

/** Fills a ledger in a temporary folder and asks it; memory stays bounded whatever `events` is. */
export function benchLedger(events: number, onRow: (row: LedgerRow) => void = print): LedgerRow[] {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-ledger-'));
  const ledger = openLedger(folder, { create: true });
  const rows: LedgerRow[] = [];
  const add = (row: Omit<LedgerRow, 'events' | 'rss_mb'>): void => {
    const whole = { ...row, events, rss_mb: Math.round(process.memoryUsage().rss / 1e6) };
    rows.push(whole);
    onRow(whole);
  };
  try {
    add({
      name: 'ledger ingest',
      ...ingest(ledger, events),
      bytes: Math.round(statSync(join(folder, LEDGER_FILES.database)).size / events),
    });
    for (const [name, ask] of Object.entries(QUESTIONS)) add({ name: `ledger ${name}`, ...timed(ledger, ask) });
    return rows;
  } finally {
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(row: LedgerRow): void {
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

function ingest(ledger: Ledger, events: number): { rate: number; cpu_us: number } {
  let milliseconds = 0;
  let cpu = 0;
  const take = (chunk: LedgerRecord[]): void => {
    const before = process.cpuUsage();
    const start = performance.now();
    ledger.ingest(chunk);
    milliseconds += performance.now() - start;
    const { user, system } = process.cpuUsage(before);
    cpu += user + system;
  };
  let chunk: LedgerRecord[] = [];
  for (const record of generateEvents(events)) {
    if (chunk.push(record) < CHUNK) continue;
    take(chunk);
    chunk = [];
  }
  take(chunk);
  return { rate: Math.round((events * 1000) / milliseconds), cpu_us: Math.round((cpu * 10) / events) / 10 };
}

type Ask = (ledger: Ledger, round: number) => void;

const newest =
  (options: (round: number) => QueryOptions): Ask =>
  (ledger, round) => {
    for (const { line } of ledger.query({ limit: 50, ...options(round) })) if (line === '') throw new Error('an empty line');
  };

const QUESTIONS: Record<string, Ask> = {
  'newest 50': newest(() => ({})),
  'newest 50 by root': newest((round) => ({ root: `person-${(round * 37) % 1000}@example.com` })),
  'newest 50 by group': newest((round) => ({ group: `group-${round % 40}` })),
  'newest 50 by target': newest((round) => ({ target: `orders-${round % 12}` })),
  'newest 50 by decision': newest(() => ({ decision: 'Deny' })),
  'newest 50 by rare word': newest((round) => ({ text: `n${(round * 13) % 5000}` })),
  'newest 50 by common word': newest(() => ({ text: 'select' })),
  'newest 50 by root and verb': newest((round) => ({ root: `person-${(round * 37) % 1000}@example.com`, verb: 'DROP' })),
  'tree of one chain': (ledger, round) => {
    const found = ledger.query({ root: `person-${(round * 37) % 1000}@example.com`, limit: 1 }).next();
    if (!found.done) ledger.tree(found.value.event.launch!.chain);
  },
};

function timed(ledger: Ledger, ask: Ask): { p50_ms: number; p99_ms: number } {
  const times: number[] = [];
  for (let round = 0; round < ASKS; round++) {
    const start = performance.now();
    ask(ledger, round);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(times[Math.floor(share * (times.length - 1))]! * 1000) / 1000;
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}
