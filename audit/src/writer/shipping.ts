/** What the shipper has acknowledged of one stream. */
import { SHIPPED_POLL_MILLISECONDS } from '../limits.js';
import type { SpoolPosition } from '../spool/folder.js';

export class Shipping {
  readonly #stream: string;
  readonly #acknowledged: (() => SpoolPosition) | undefined;
  #waiters: { end: number; resolve(): void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: string, acknowledged: (() => SpoolPosition) | undefined) {
    this.#stream = stream;
    this.#acknowledged = acknowledged;
  }

  /** Bytes before `end` that were not acknowledged; 0 where nothing is shipped. */
  unshipped(end: number): number {
    return this.#acknowledged ? end - (this.#acknowledged()[this.#stream] ?? 0) : 0;
  }

  wait(end: number): Promise<void> {
    if (this.unshipped(end) <= 0) return Promise.resolve();
    this.#timer ??= setInterval(() => this.#look(), SHIPPED_POLL_MILLISECONDS);
    return new Promise((resolve) => this.#waiters.push({ end, resolve }));
  }

  #look(): void {
    const waiting = this.#waiters;
    this.#waiters = waiting.filter((waiter) => this.unshipped(waiter.end) > 0);
    for (const waiter of waiting) if (!this.#waiters.includes(waiter)) waiter.resolve();
    if (this.#waiters.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
