/** Every limit of shipping, with its unit in its name. */

/** Of one broker connection: TCP, TLS and SASL. */
export const CONNECT_TIMEOUT_MS = 5_000;
export const REQUEST_TIMEOUT_MS = 10_000;
/** Waits between attempts double from the first to the second. */
export const RETRY_FIRST_MS = 100;
export const RETRY_LAST_MS = 5_000;
/** Records in one send. */
export const BATCH_RECORDS = 500;
/**
 * Bytes in one send, keys and headers counted. A send is one record batch a partition, and a broker's default limit on a
 * batch is 1,048,588 bytes (message.max.bytes); a single record above this travels alone.
 */
export const BATCH_BYTES = 900_000;
/** What a record costs in a batch beside its key, value and headers: varints, CRC's share, attributes. */
export const RECORD_OVERHEAD_BYTES = 64;
/** How often an idle shipper looks at the spool when nobody told it that there is more. */
export const POLL_MS = 50;
/** How often the position is written to disk at most; a crash in between only repeats records that consumers drop. */
export const POSITION_EVERY_MS = 200;
/** How often a sidecar without Kafka looks what the ledger acknowledged. */
export const INGESTED_POLL_MS = 500;
/** Largest record batch that the topics take (max.message.bytes): an event's line of 1 MiB and its headers, with room. */
export const MESSAGE_MAX_BYTES = 2 * 1024 * 1024;
/** Of one administrative request. */
export const ADMIN_TIMEOUT_MS = 15_000;
/** How long a shutdown waits for the rest of the spool, by default. */
export const DRAIN_MS = 10_000;
