/** How long an approval that came to its end is kept: its votes are in the evidence too. Seconds: seven days. */
export const RETENTION_SECONDS = 7 * 86_400;
/** Approvals looked at at once. */
export const WORKERS_COUNT = 4;
/** Longest that a timer waits; what is due later is looked at again. Milliseconds. */
export const LOOK_MS = 3_600_000;
