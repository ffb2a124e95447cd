/** When the next step of a replay is shown: at once, after Enter, or when its time has come. */
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that one pause takes at most: an agent may have waited for hours. */
const MAX_PAUSE_MS = 10_000;

export class Pace {
  readonly #speed: number | undefined;
  readonly #input: Interface | undefined;
  readonly #answers: AsyncIterator<string> | undefined;
  #last: number | undefined;

  constructor(options: { step?: boolean | undefined; speed?: number | undefined }) {
    this.#speed = options.speed;
    if (!options.step) return;
    this.#input = createInterface({ input: process.stdin });
    this.#answers = this.#input[Symbol.asyncIterator]();
  }

  /** Waits for the step at `time`; false where the reader has had enough (end of input, or q). */
  async next(time: string): Promise<boolean> {
    const now = Date.parse(time);
    const before = this.#last;
    this.#last = now;
    if (before === undefined) return true;
    if (this.#speed !== undefined) await delay(Math.min(Math.max((now - before) / this.#speed, 0), MAX_PAUSE_MS));
    if (!this.#answers) return true;
    if (process.stdin.isTTY) process.stderr.write('Enter: next, q: end ');
    const answer = await this.#answers.next();
    return answer.done !== true && answer.value.trim() !== 'q';
  }

  close(): void {
    this.#input?.close();
  }
}
