/** `node bench/dist/main.js http|postgres|gateway|spool|ledger|admission|reconcile|cluster|all`: tables, or with JSON=1 a JSON line a row; `all` adds to docs/benchmarks.md. EVENTS sizes the ledger, PODS and POLICIES the cluster of reconcile, PODS the pods of cluster; neither is part of `all`. RECORD=1 adds any of them to that page. PROFILE=folder keeps CPU profiles. */
import { fileURLToPath } from 'node:url';
import { LOAD_CORE, pin } from './measure/process.js';
import { progress } from './measure/progress.js';
import { appendTo } from './report/document.js';
import type { Section } from './report/section.js';
import { tableOf } from './report/table.js';

const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

const SUITES: Record<string, (all: boolean) => Promise<Section>> = {
  http: async (all) => (await import('./http/bench.js')).benchHttp({ long: all }),
  postgres: async () => (await import('./postgres/bench.js')).benchPostgres(),
  gateway: async () => (await import('./gateway/bench.js')).benchGateway(),
  ledger: async () => (await import('./ledger-section.js')).ledgerSection(),
  admission: async () => (await import('./admission/bench.js')).benchAdmission(),
  reconcile: async () => (await import('./operator/bench.js')).benchOperator(),
  cluster: async () => (await import('./cluster/bench.js')).benchCluster(),
  spool: async () => (await import('./spool/bench.js')).benchSpool(),
};

/** They want a machine to themselves, and minutes. */
const ALONE: readonly string[] = ['reconcile', 'cluster'];

async function main(name: string): Promise<void> {
  const names = name === 'all' ? Object.keys(SUITES).filter((each) => !ALONE.includes(each)) : [name];
  // What coordinates is no part of what is measured, so it keeps off the proxies' core.
  pin(process.pid, LOAD_CORE);
  const sections: Section[] = [];
  for (const each of names) {
    const suite = SUITES[each];
    if (!suite) throw new Error(`no benchmark ${each}: ${Object.keys(SUITES).join(', ')} or all`);
    const section = await suite(name === 'all');
    sections.push(section);
    print(section);
  }
  if (name === 'all' || process.env['RECORD'] === '1') appendTo(DOCUMENT, sections);
}

function print({ title, notes, rows }: Section): void {
  if (process.env['JSON']) for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
  else process.stdout.write(`\n${title}\n${notes.join('\n')}\n\n${tableOf(rows)}\n`);
}

// Runs the hooks that end what was started.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

try {
  await main(process.argv[2] ?? 'all');
  process.exit(0);
} catch (error) {
  progress((error as Error).stack ?? String(error));
  process.exit(2);
}
