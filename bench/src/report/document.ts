/** docs/benchmarks.md: every run of `make bench` adds a section, so that a regression shows against the ones before. */
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { tableOf } from './table.js';
import type { Section } from './section.js';

const VERSIONS: readonly [string, string[]][] = [
  ['nginx', ['-v']],
  ['pgbouncer', ['--version']],
  ['pgbench', ['--version']],
  ['wrk', ['--version']],
];

export function appendTo(file: string, sections: readonly Section[]): void {
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const parts = [`\n## ${date} UTC\n${machine()}\n`];
  for (const { title, notes, rows } of sections) {
    parts.push(`\n### ${title}\n${notes.map((note) => `${note}\n`).join('')}\n${tableOf(rows)}\n`);
  }
  appendFileSync(file, parts.join(''));
}

function machine(): string {
  const cores = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const versions = VERSIONS.map(([command, args]) => versionOf(command, args)).filter(Boolean);
  return `${cores.length} x ${cores[0]?.model ?? 'unknown CPU'}, ${memory} GiB, Linux ${release()}, Node ${process.version}; ${versions.join('; ')}. Load average ${loadavg()[1]!.toFixed(1)} over the last five minutes.`;
}

function versionOf(command: string, args: string[]): string {
  try {
    // nginx says its version on stderr; wrk exits 1 after saying its own.
    const text = execFileSync('sh', ['-c', `${[command, ...args].join(' ')} 2>&1 || true`], { encoding: 'utf8' });
    return text
      .split('\n')[0]!
      .replace(/ Copyright.*/, '')
      .trim();
  } catch {
    return '';
  }
}
