import { RevocationList, type Revocation } from '@cairn/identity';
import { REVOCATIONS, type RevocationStore } from '../stores.js';
import { Journal } from './journal.js';

/** The revocation list on disk. */
export class FileRevocations implements RevocationStore {
  readonly list = new RevocationList();
  #journal: Journal<Revocation> | undefined;

  private constructor(private readonly changed: (topic: string) => void) {}

  static async open(file: string, changed: (topic: string) => void): Promise<FileRevocations> {
    const store = new FileRevocations(changed);
    store.#journal = await Journal.open<Revocation>(file, { load: (entry) => store.list.add(entry), current: () => store.list.after(0) });
    return store;
  }

  async revoke(launch: string, by: string, time: string, reason?: string): Promise<Revocation> {
    const known = this.list.get(launch);
    if (known) return known;
    const entry = { number: this.list.last + 1, launch, time, by, ...(reason ? { reason } : {}) };
    // In force at once; the answer waits for the disk.
    this.list.add(entry);
    this.changed(REVOCATIONS);
    await this.#journal!.append(entry);
    return entry;
  }

  async close(): Promise<void> {
    await this.#journal!.close();
  }
}
