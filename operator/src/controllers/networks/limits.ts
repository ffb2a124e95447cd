/** Bounds of the fence. */

/** Namespaces worked on at once. */
export const WORKERS_COUNT = 4;
/** Names listed in one condition. */
export const NAMES_SHOWN_COUNT = 5;
/** Characters of a NetworkPolicy's name, as the API server permits. */
export const NAME_CHARACTERS = 253;
/** Peers of one rule; a Service without selector may have more endpoints, which then stay closed and are told. */
export const PEERS_COUNT = 256;
/** How often endpoints of Services without selector, which nothing announces, are looked at again. Milliseconds. */
export const ENDPOINTS_MS = 30_000;
