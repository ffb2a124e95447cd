/** The ledger's benchmark as a section like the others. EVENTS sets its size. */
import { benchLedger } from './ledger/ledger.js';
import { progress } from './measure/progress.js';
import type { Row } from './report/row.js';
import type { Section } from './report/section.js';

const DEFAULT_EVENTS = 1_000_000;

export function ledgerSection(): Section {
  const events = Number(process.env['EVENTS'] || DEFAULT_EVENTS);
  progress(`ledger with ${events} events`);
  const rows = benchLedger(events, (row) => progress(`${row.name}: done`)).map(
    ({ name, rate, cpu_us, p50_ms, p99_ms, rss_mb, bytes }): Row => ({
      name: bytes === undefined ? name : `${name} (${bytes} B on disk an event)`,
      peer: null,
      rate: rate ?? null,
      rate_ratio: null,
      cpu_us: cpu_us ?? null,
      cpu_ratio: null,
      p50_ms: p50_ms ?? null,
      p99_ms: p99_ms ?? null,
      rss_mb,
    }),
  );
  return { title: 'Ledger', notes: [`${events} events of about 1 KB; p50 and p99 are of queries for the newest 50.`], rows };
}
