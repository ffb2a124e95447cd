import type { Response } from 'express';
import { WAITERS_COUNT } from '../limits.js';

/** Wakes long polls when what they ask for changes. */
export class Changes {
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  get waiting(): number {
    return this.#count;
  }

  notify(key: string): void {
    for (const wake of this.#waiting.get(key) ?? []) wake();
  }

  /** Ends every wait now and from now on. */
  close(): void {
    this.#closed = true;
    for (const key of this.#waiting.keys()) this.notify(key);
  }

  /** Resolves at the next change of `key`, after `milliseconds`, when the client leaves, or at once beyond the limit of waiters. */
  wait(key: string, milliseconds: number, response: Response): Promise<void> {
    if (this.#closed || milliseconds <= 0 || this.#count >= WAITERS_COUNT) return Promise.resolve();
    return new Promise((resolve) => {
      const wakers = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, wakers);
      const wake = (): void => {
        clearTimeout(timer);
        response.off('close', wake);
        if (!wakers.delete(wake)) return;
        this.#count--;
        if (wakers.size === 0 && this.#waiting.get(key) === wakers) this.#waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      response.on('close', wake);
      wakers.add(wake);
      this.#count++;
    });
  }
}
