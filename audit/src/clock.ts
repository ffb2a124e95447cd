/** The time of events: RFC 3339 UTC with microseconds, never going back within one clock. */

export interface Clock {
  /** `2026-11-22T08:25:12.123456Z`; equal to or after every value before. */
  now(): string;
}

export interface TimeSource {
  /** Milliseconds since the epoch, as the machine's clock says; may step. */
  wall(): number;
  /** Milliseconds from some start, fractional; never steps. */
  monotonic(): number;
}

/** Milliseconds of disagreement from which the wall clock counts as having stepped; below it the finer monotonic time is kept. */
const STEP_MILLISECONDS = 2;

const system: TimeSource = { wall: () => Date.now(), monotonic: () => performance.now() };

/**
 * The wall clock refined by the monotonic one. A step forward shows at once. After a step back the last time is said again
 * until the wall clock has passed it: equal times, ordered by seq, are how such a step shows in a trail.
 */
export class EventClock implements Clock {
  readonly #source: TimeSource;
  #offset: number;
  /** Microseconds since the epoch, of the last answer. */
  #last = 0;
  #second = Number.NaN;
  #text = '';

  constructor(source: TimeSource = system) {
    this.#source = source;
    this.#offset = source.wall() - source.monotonic();
  }

  now(): string {
    const monotonic = this.#source.monotonic();
    const wall = this.#source.wall();
    // wall is cut to whole milliseconds, so agreement is 0 <= refined - wall < 1 give or take the clock's slew.
    if (Math.abs(monotonic + this.#offset - wall) >= STEP_MILLISECONDS) this.#offset = wall - monotonic;
    const microseconds = Math.max(this.#last, Math.floor((monotonic + this.#offset) * 1000));
    this.#last = microseconds;
    const second = Math.floor(microseconds / 1e6);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toISOString().slice(0, 20);
    }
    return `${this.#text}${String(1e6 + (microseconds - second * 1e6)).slice(1)}Z`;
  }
}
