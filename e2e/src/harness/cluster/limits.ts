/** How large a cluster of the harness gets, and how long it waits before it says that something does not come. */

/** Clusters on one machine at once: each takes an index, and from it addresses, a veth pair and cgroups of its own. */
export const CLUSTERS = 16;
/** From starting a program of the node to its being ready. */
export const READY_TIMEOUT_MS = 240_000;
/** From the first request for the node's state to its being Ready, images and DNS included. */
export const NODE_TIMEOUT_MS = 300_000;
/** Waiting for another process's `up`, `down`, import of an image or installation of the same cluster, in seconds. */
export const LOCK_TIMEOUT_S = 900;
/** From killing the node to the last of its processes, cgroups and interfaces being gone. */
export const GONE_TIMEOUT_MS = 60_000;
/** Between two looks at a condition. */
export const POLL_MS = 50;
/** Of a program's log in the sentence that says it did not start, in lines. */
export const LOG_TAIL_LINES = 15;
/** What one command in the node may print, in bytes. */
export const NODE_OUTPUT_BYTES = 64 * 1024 * 1024;
/** One command in the node. */
export const NODE_COMMAND_TIMEOUT_MS = 300_000;
/** A cluster's name: it goes into paths and host names. */
export const NAME = /^[a-z][a-z0-9-]{0,30}$/;
