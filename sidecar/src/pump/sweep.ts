/** Deadlines of sessions, looked at once a second, and the end of them all. */
import { setTimeout as pause } from 'node:timers/promises';
import { DRAIN_TIMEOUT_MS, SWEEP_INTERVAL_MS } from './limits.js';
import { livePumps } from './pump.js';

export function sweepPumps(): NodeJS.Timeout {
  return setInterval(() => {
    const now = performance.now();
    for (const pump of livePumps) pump.sweep(now);
  }, SWEEP_INTERVAL_MS).unref();
}

/** Waits for open sessions (and `others`, which end themselves) to end, then ends those of ours that are left. */
export async function drained(others: () => number = () => 0): Promise<void> {
  const until = performance.now() + DRAIN_TIMEOUT_MS;
  while (livePumps.size + others() > 0 && performance.now() < until) await pause(DRAIN_POLL_MS);
  for (const pump of livePumps) pump.destroy('the sidecar is stopping');
  // Completions of what was cut off are appended in this turn and flushed at its end.
  await new Promise((resolve) => setImmediate(resolve));
}

const DRAIN_POLL_MS = 20;
