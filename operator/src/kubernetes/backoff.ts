/** Exponential pauses with full jitter above half, so that many clients of a restarted server do not come at once. */

export interface BackoffLimits {
  /** Milliseconds. */
  firstMs: number;
  mostMs: number;
}

/** Milliseconds before try number `failures` + 1; `random` is in [0, 1). */
export function backoffMs(failures: number, { firstMs, mostMs }: BackoffLimits, random: number): number {
  // 2^40 times any pause is beyond every limit: no overflow however often it fails.
  const most = Math.min(mostMs, firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 40));
  return most / 2 + (random * most) / 2;
}

/** Resolves after so long, or at once when the signal is or becomes aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
