/** How long the lifecycle suite waits, in milliseconds, and what it sets. */

/** A pod with its sidecar, on a busy machine. */
export const POD_MS = 180_000;
/** A container that has hardly memory left first gives up pages of its program and reads them again and again, which takes its time. */
export const STARVED_MS = 600_000;
/** From a record's being written to its being in Kafka and a ledger, while other pods come and go. */
export const EVIDENCE_MS = 180_000;
/** The end of the namespace, with pods that end in an orderly way. */
export const GONE_MS = 150_000;
/** Mebibytes of evidence that wait for Kafka before new work is refused: 768 by default, here so few that a minute without it reaches them. */
export const HIGH_WATER_MIB = 4;
export const QUOTA_MIB = 16;
/** Bytes of one body where work is to fill the spool. */
export const BULK_BYTES = 100_000;
/** Requests of the Job. */
export const JOB_REQUESTS = 10;
