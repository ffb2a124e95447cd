/** What an auditor is told of a session that stands in a spool. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { openLedger, SpoolIngest } from '@cairn/ledger';
import { cairn } from '../../demo/run.js';

/** What `cairn replay SESSION` says. `key`: file with the auditor's private key; `folder`: where ledgers may be made. */
export async function replay(spool: string, session: string, key: string, folder: string): Promise<string> {
  const ledger = mkdtempSync(join(folder, 'ledger-'));
  const opened = openLedger(ledger, { create: true });
  new SpoolIngest(opened, spool).drain();
  opened.close();
  const { code, output } = await cairn(['replay', session, '--ledger', ledger, '--key', key], folder);
  if (code !== 0) throw new Error(`cairn replay ended with ${code}: ${output}`);
  return output;
}
