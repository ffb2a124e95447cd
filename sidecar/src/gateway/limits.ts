/** Limits of the gateway. */

/** Connections of one agent's pod at a time; one more is refused. */
export const MAX_HOPS_PER_POD = 1_000;
/** From the upgrade to the sidecar's word to start, milliseconds. */
export const START_TIMEOUT_MS = 10_000;
/** Certificates of the pod's CA that one connection brings along. */
export const MAX_HOP_LEAVES = 256;
/** How long after its expiry a launch token still attributes, seconds: clocks differ, and its renewal may be on its way. */
export const TOKEN_LEEWAY_SECONDS = 60;
