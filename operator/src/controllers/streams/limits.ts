/** How long after its last sign a stream that ended is marked for the archive. Seconds: 30 days. */
export const RETENTION_SECONDS = 30 * 86_400;
/** How long after its last sign a stream without a pod counts as lost. Seconds. */
export const GRACE_SECONDS = 60;
/** Streams looked at at once. */
export const WORKERS_COUNT = 4;
/** Longest that a timer waits, milliseconds. */
export const LOOK_MS = 3_600_000;
