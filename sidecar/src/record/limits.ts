/** Limits of what is recorded. */

/** Events of BestEffort exchanges that are held while evidence cannot be written; one more drops the oldest. */
export const RING_EVENTS = 4_096;
/** Their bytes, so that one flush takes them all. */
export const RING_BYTES = 2 * 1024 * 1024;
/** Milliseconds between two looks at whether held events can be written. */
export const RING_POLL_MS = 250;
/** Milliseconds that a Strict exchange waits for Kafka before it is refused. */
export const DELIVERY_MS = 30_000;
