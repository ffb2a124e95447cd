/**
 * Keys to work on. A key that waits is there once, however often it is added; one that is worked on is not given to a
 * second worker, and added meanwhile it is worked on again; one that failed waits, longer each time.
 */
import { backoffMs } from './backoff.js';
import { QUEUE_KEYS_COUNT, RETRY_FIRST_MS, RETRY_MOST_MS } from './limits.js';

export class QueueFull extends Error {
  constructor(readonly limit: number) {
    super(`more than ${limit} keys wait to be worked on`);
    this.name = 'QueueFull';
  }
}

export interface WorkqueueOptions {
  keysCount?: number;
  /** Milliseconds. */
  retry?: { firstMs: number; mostMs: number };
}

export class Workqueue {
  /** In the order of their adding; each once. */
  readonly #waiting = new Set<string>();
  readonly #working = new Set<string>();
  readonly #later = new Map<string, { timer: NodeJS.Timeout; due: number }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #keysCount: number;
  readonly #retry: { firstMs: number; mostMs: number };
  /** Added while they were worked on. */
  readonly #again = new Set<string>();
  #closed = false;

  constructor({ keysCount = QUEUE_KEYS_COUNT, retry = { firstMs: RETRY_FIRST_MS, mostMs: RETRY_MOST_MS } }: WorkqueueOptions = {}) {
    this.#keysCount = keysCount;
    this.#retry = retry;
  }

  /** Keys that wait now; those that wait for their time are not among them. */
  get length(): number {
    return this.#waiting.size;
  }

  get retrying(): number {
    return this.#failures.size;
  }

  /** Throws QueueFull. */
  add(key: string): void {
    if (this.#closed || this.#waiting.has(key) || this.#again.has(key)) return;
    if (this.#waiting.size + this.#again.size + this.#later.size >= this.#keysCount && !this.#later.has(key)) {
      throw new QueueFull(this.#keysCount);
    }
    this.#forgetTimer(key);
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    const taker = this.#takers.shift();
    if (!taker) {
      this.#waiting.add(key);
      return;
    }
    this.#working.add(key);
    taker(key);
  }

  /** Adds the key after so long; the earliest of several times counts. Throws QueueFull. */
  addAfter(key: string, milliseconds: number): void {
    if (milliseconds <= 0) return this.add(key);
    if (this.#closed || this.#waiting.has(key) || this.#again.has(key)) return;
    const due = performance.now() + milliseconds;
    const known = this.#later.get(key);
    if (known && known.due <= due) return;
    if (!known && this.#waiting.size + this.#again.size + this.#later.size >= this.#keysCount) throw new QueueFull(this.#keysCount);
    this.#forgetTimer(key);
    const timer = setTimeout(() => this.add(key), milliseconds);
    this.#later.set(key, { timer, due });
  }

  /** Adds a key that failed, after a pause that doubles with each failure. */
  retry(key: string): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.addAfter(key, backoffMs(failures, this.#retry, Math.random()));
  }

  /** The key succeeded: its next failure is its first. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, which is the caller's alone until `done`; undefined once the queue is closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const [key] = this.#waiting;
    if (key === undefined) return new Promise((resolve) => this.#takers.push(resolve));
    this.#waiting.delete(key);
    this.#working.add(key);
    return Promise.resolve(key);
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Nothing more is given out; what waits is dropped. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#later.values()) clearTimeout(timer);
    for (const keys of [this.#later, this.#waiting, this.#again, this.#failures]) keys.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #forgetTimer(key: string): void {
    clearTimeout(this.#later.get(key)?.timer);
    this.#later.delete(key);
  }
}
