/** What the run left as evidence: into the ledger, out as a tree, verified, and verified again after somebody altered it. */
import { spawn } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LEDGER_FILES, openLedger, SpoolIngest, type StoredEvent } from '@cairn/ledger';
import { DemoError } from './failure.js';

/** Reads every spool into the ledger of `root`. Returns the number of events. */
export function ingestSpools(root: string, spools: readonly string[]): number {
  const ledger = openLedger(root, { create: true });
  try {
    let events = 0;
    for (const spool of spools) {
      const report = new SpoolIngest(ledger, spool).drain();
      if (report.conflicts + report.rejected > 0) {
        throw new DemoError(
          `the ledger put aside ${report.conflicts + report.rejected} records of ${spool}`,
          `Run: npx cairn verify ${root}`,
        );
      }
      events += report.events;
    }
    return events;
  } finally {
    ledger.close();
  }
}

/** The events of one person in order of time. */
export function eventsOf(root: string, person: string): StoredEvent[] {
  const ledger = openLedger(root);
  try {
    return [...ledger.query({ root: person, order: 'oldest' })];
  } finally {
    ledger.close();
  }
}

/** Runs one of the commands that the demo recommends, as a user would. Resolves to exit code and output; shows it as it comes. */
export async function cairn(
  project: string,
  args: readonly string[],
  show: (text: string) => void,
): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [join(project, 'cli', 'bin', 'cairn.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      show(text);
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, output };
}

/** A copy of the ledger in which somebody with access to the database has put the blame for one event on another person. */
export async function tamperedCopy(root: string, copy: string, id: string, from: string, to: string): Promise<void> {
  await mkdir(copy, { recursive: true, mode: 0o700 });
  // SQLite may keep what was written last beside the database.
  const wanted = [LEDGER_FILES.database, `${LEDGER_FILES.database}-wal`, LEDGER_FILES.trust, LEDGER_FILES.witness];
  for (const name of wanted.filter((each) => existsSync(join(root, each)))) await copyFile(join(root, name), join(copy, name));
  const ledger = openLedger(copy);
  try {
    const found = ledger.event(id);
    if (!found) throw new DemoError(`event ${id} is not in the ledger`, 'Run the demo again.');
    ledger.database.run('UPDATE lines SET line = ? WHERE line = ?', [found.line.replaceAll(from, to), found.line]);
  } finally {
    ledger.close();
  }
}
