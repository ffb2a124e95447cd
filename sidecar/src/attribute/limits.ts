/** Limits of attribution. */

/** Inbound requests open at a time; one more is refused with 503. */
export const MAX_OPEN_CONTEXTS = 10_000;
/** Launches that an ambiguous event names. */
export const MAX_CANDIDATES = 32;
