/** Group commit: one fdatasync at a time covers everything flushed before it began. */
import { SYNC_MILLISECONDS } from '../limits.js';
import type { SegmentFiles } from '../spool/segments.js';

interface Waiter {
  end: number;
  resolve(): void;
  reject(error: Error): void;
}

export class GroupSync {
  /** End of what is on disk. */
  synced = 0;
  readonly #files: SegmentFiles;
  readonly #onSynced: () => void;
  readonly #onError: (error: Error) => Error;
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #failed: Error | undefined;

  /** `onError` turns a failed sync into the error that waiters get; after one nothing is synced any more. */
  constructor(files: SegmentFiles, onSynced: () => void, onError: (error: Error) => Error) {
    this.#files = files;
    this.#onSynced = onSynced;
    this.#onError = onError;
  }

  /** To be called after each flush: its bytes are synced within SYNC_MILLISECONDS, unless a sync that began before takes longer. */
  flushed(): void {
    if (this.#timer || this.#running || this.#failed) return;
    this.#timer = setTimeout(() => this.#start(), SYNC_MILLISECONDS);
    this.#timer.unref();
  }

  /** Resolves when everything flushed so far is on disk. Somebody waits, so the sync begins at once. */
  wait(): Promise<void> {
    const end = this.#files.end;
    if (this.synced >= end) return Promise.resolve();
    if (this.#failed) return Promise.reject(this.#failed);
    const promise = new Promise<void>((resolve, reject) => this.#waiters.push({ end, resolve, reject }));
    if (!this.#running) this.#start();
    return promise;
  }

  /** No sync is begun any more; resolves when one that runs has ended, so that the files may be closed. */
  async stop(reason: Error): Promise<void> {
    this.#failed ??= reason;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const end = this.#files.end;
    this.#running = this.#files.sync().then(
      () => this.#finish(end),
      (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))),
    );
  }

  #finish(end: number): void {
    this.#running = undefined;
    this.synced = end;
    const waiting = this.#waiters;
    this.#waiters = waiting.filter((waiter) => waiter.end > end);
    for (const waiter of waiting) if (waiter.end <= end) waiter.resolve();
    this.#onSynced();
    if (this.#running || this.#files.end <= end) return;
    if (this.#failed) this.#reject(this.#failed);
    else if (this.#waiters.length > 0) this.#start();
    else this.flushed();
  }

  /** Pages of a failed sync may be marked clean without being on disk, so a second try would prove nothing. */
  #fail(error: Error): void {
    this.#running = undefined;
    this.#failed = this.#onError(error);
    this.#reject(this.#failed);
  }

  #reject(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
