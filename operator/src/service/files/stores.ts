/** The stores of a single process: journals in a folder. For the demo and for tests. */
import { join } from 'node:path';
import { UsedOnce } from '@cairn/identity';
import type { OpenStores } from '../stores.js';
import { FileApprovals } from './approvals.js';
import { openKeyRing } from './key-ring.js';
import { FileRevocations } from './revocations.js';
import { FileWitness } from './witness.js';

/** Folder for streams.jsonl, witness.jsonl, approvals.jsonl, revocations.jsonl and keys.json; made if absent. */
export function fileStores(folder: string): OpenStores {
  return async (changed, clock) => {
    const keys = await openKeyRing(join(folder, 'keys.json'));
    const revocations = await FileRevocations.open(join(folder, 'revocations.jsonl'), changed);
    const witness = await FileWitness.open(folder);
    const approvals = await FileApprovals.open(join(folder, 'approvals.jsonl'), changed, clock);
    return {
      keys,
      revocations,
      witness,
      approvals,
      // Every event names its launch, and launch ids follow from their subjects: there is nothing else to keep here.
      launches: { record: () => Promise.resolve() },
      // Of this process: after a restart an assertion could be used once more, within its ten minutes.
      assertions: new UsedOnce(clock),
      async close() {
        await Promise.all([witness.close(), approvals.close(), revocations.close()]);
      },
    };
  };
}
