/** How many writes may go out: a bucket that fills at a steady rate. Pure but for the clock that it is given. */
export class Budget {
  #left: number;
  #at: number;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    /** Milliseconds. */
    private readonly clock: () => number,
  ) {
    this.#left = burst;
    this.#at = clock();
  }

  take(): boolean {
    const now = this.clock();
    this.#left = Math.min(this.burst, this.#left + (Math.max(0, now - this.#at) / 1000) * this.perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
