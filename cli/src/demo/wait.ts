/** Waiting on a condition, with an end. */
import { setTimeout as delay } from 'node:timers/promises';
import { DemoError } from './failure.js';
import { POLL_MS } from './limits.js';

export interface Patience {
  limitMs: number;
  /** Milliseconds between two looks. */
  pauseMs?: number;
  /** Ends the wait: nobody wants the answer any more. */
  signal?: AbortSignal;
}

/** Asks again until there is an answer. `what` completes "waited N s for ...". */
export async function until<T>(what: string, patience: Patience, ask: () => Promise<T | undefined>): Promise<T> {
  const { limitMs, pauseMs = POLL_MS, signal } = patience;
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new DemoError(`waited ${limitMs / 1000} s for ${what}`, 'Read the logs in .cairn/demo/logs.');
    await delay(pauseMs, undefined, { signal });
  }
}
