/** Limits of attribution. */

/** Inbound requests open at a time; one more is refused with 503. */
export const MAX_OPEN_CONTEXTS = 10_000;
/** Launches that an ambiguous event names. */
export const MAX_CANDIDATES = 32;
/** Launches that a session remembers having acted for; one that served more ends with any revocation. */
export const MAX_SERVED_LAUNCHES = 1024;
