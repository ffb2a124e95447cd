/**
 * How long a chain is kept after its last launch ended; what was done is in the evidence. It is far longer than a launch
 * may be renewed: a revocation is there as long as a token could be of use. Seconds: seven days.
 */
export const RETENTION_SECONDS = 7 * 86_400;
/** Launches looked at at once. */
export const WORKERS_COUNT = 4;
/** Longest that a timer waits, milliseconds. */
export const LOOK_MS = 3_600_000;
/** A checkpoint shows on its pod's launches after so long at most, milliseconds: it says nothing that the stream doesn't. */
export const STATUS_MS = 60_000;
/** How long a launch without a pod may be younger than what is known of pods. Seconds. */
export const GRACE_SECONDS = 60;
/** The longest that a launch token lives (CAIRN_LAUNCH_SECONDS): after it nothing of a chain without pods can act. Seconds. */
export const TOKEN_SECONDS = 3600;
