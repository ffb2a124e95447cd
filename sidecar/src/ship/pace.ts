/** When to try again. */
import { RETRY_FIRST_MS, RETRY_LAST_MS } from './limits.js';

/** Milliseconds to wait after the `failures`th failure in a row (from 1): doubling, with jitter of a half so that a fleet spreads out. */
export function backOff(failures: number, random: () => number = Math.random): number {
  const full = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 30));
  return full / 2 + (full / 2) * random();
}

/** A wait that can be cut short; a `wake` while nobody waits makes the next wait end at once. */
export class Alarm {
  #woken = false;
  #ring: (() => void) | undefined;

  wake(): void {
    this.#woken = true;
    this.#ring?.();
  }

  async wait(milliseconds: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        this.#ring = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#ring = undefined;
    }
    this.#woken = false;
  }
}
