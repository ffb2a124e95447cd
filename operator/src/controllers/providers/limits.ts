/** Bounds of what is done for providers. */

/** How often a provider that answers is asked for its metadata and keys, milliseconds; the service itself renews them by need. */
export const LOOK_MS = 300_000;
/** The same for one that did not answer. */
export const RETRY_MS = 60_000;
/** Problems told in one condition. */
export const PROBLEMS_SHOWN_COUNT = 5;
/** Providers asked at once. */
export const WORKERS_COUNT = 2;
