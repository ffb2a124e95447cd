/** Every bound of the service's state in a cluster, with its unit. */

/** Writes of one object that another replica came before, until it is given up. */
export const CONFLICTS_COUNT = 8;
/** Names tried for an approval of bytes that were approved and used before. */
export const APPROVAL_NAMES_COUNT = 1000;
/** Checkpoints that one replica writes to the API server in a second, and how many at once after a quiet time. */
export const CHECKPOINT_WRITES_PER_SECOND = 50;
export const CHECKPOINT_WRITES_BURST = 200;
/** How often checkpoints that wait for their turn are looked at, milliseconds. */
export const CHECKPOINT_FLUSH_MS = 500;
/** Streams whose newest checkpoint waits to be written by one replica. */
export const CHECKPOINTS_PENDING_COUNT = 100_000;
/** What waits is written at the end of the process, for so long, milliseconds. */
export const CHECKPOINT_CLOSE_MS = 10_000;
/** Requests at once while it ends. */
export const CHECKPOINT_CLOSE_WRITES = 32;
/** A signing key that was published for less may be unknown to verifiers and signs nothing yet, seconds. */
export const KEY_OVERLAP_SECONDS = 300;
/** How often one replica clears away used assertions that have expired, seconds; and how many at once. */
export const ASSERTION_SWEEP_SECONDS = 300;
export const ASSERTION_SWEEP_COUNT = 1000;
/** How much longer than they hold they are remembered: replicas' clocks differ. */
export const ASSERTION_MARGIN_SECONDS = 300;
