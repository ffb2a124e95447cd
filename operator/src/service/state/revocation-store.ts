import { RevocationList, type Revocation } from '@cairn/identity';
import type { Changes } from '../http/changes.js';
import { Journal } from './journal.js';

export const REVOCATIONS = 'revocations';

/** The revocation list on disk. */
export class RevocationStore {
  readonly list = new RevocationList();
  #journal: Journal<Revocation> | undefined;

  private constructor(readonly changes: Changes) {}

  static async open(file: string, changes: Changes): Promise<RevocationStore> {
    const store = new RevocationStore(changes);
    store.#journal = await Journal.open<Revocation>(file, { load: (entry) => store.list.add(entry), current: () => store.list.after(0) });
    return store;
  }

  /** Revokes a launch and all below it; a launch that is revoked already keeps its first entry. */
  async revoke(launch: string, by: string, time: string, reason?: string): Promise<Revocation> {
    const known = this.list.get(launch);
    if (known) return known;
    const entry = { number: this.list.last + 1, launch, time, by, ...(reason ? { reason } : {}) };
    // In force at once; the answer waits for the disk.
    this.list.add(entry);
    this.changes.notify(REVOCATIONS);
    await this.#journal!.append(entry);
    return entry;
  }

  async close(): Promise<void> {
    await this.#journal!.close();
  }
}
