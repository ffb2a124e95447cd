/** Bounds of the demo: each wait has an end and says what it waited for. */

/** Milliseconds for one part (database, login, operator) or one pod to come up. */
export const START_MS = 120_000;
/** Milliseconds for the whole chain to answer Alice, the held write included. */
export const ASK_MS = 120_000;
/** Milliseconds for the held statement to show up among the approvals. */
export const HELD_MS = 90_000;
/** Milliseconds between two looks at something that cannot notify. */
export const POLL_MS = 50;
/** Milliseconds between two probes of a container; each is a process of its own. */
export const PROBE_MS = 250;
/** Milliseconds that a process has after SIGTERM. */
export const STOP_MS = 15_000;
/** Lines of a log that a failure shows. */
export const LOG_TAIL_LINES = 15;
/** Tries to find a free port or subnet. */
export const FREE_ATTEMPTS = 200;
