/** Waiting on a condition, with an end. */
import { setTimeout as delay } from 'node:timers/promises';
import { DemoError } from './failure.js';
import { POLL_MS } from './limits.js';

/** Asks again until there is an answer. `what` completes "waited N s for ...". */
export async function until<T>(what: string, limitMs: number, ask: () => Promise<T | undefined>, pauseMs = POLL_MS): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new DemoError(`waited ${limitMs / 1000} s for ${what}`, 'Read the logs in .cairn/demo/logs.');
    await delay(pauseMs);
  }
}
