/** Every bound of the ledger, with its unit. */

/** Records of one SQLite transaction. */
export const MAX_BATCH_RECORDS = 1_000;
/** Characters of records of one transaction, so that a batch of payloads stays small too. */
export const MAX_BATCH_CHARACTERS = 32 * 1024 * 1024;
/** Bytes of one payload record; a larger one is rejected. */
export const MAX_PAYLOAD_BYTES = 2 * 1024 * 1024;
/** Characters of a rejected line that are kept beside the reason. */
export const MAX_REJECTED_CHARACTERS = 64 * 1024;
/** Characters of statement and resources of one event that are indexed for full text. */
export const MAX_TEXT_CHARACTERS = 64 * 1024;
/** Words of one full-text search. */
export const MAX_SEARCH_WORDS = 32;
/** Interned names of one kind that are held in memory; beyond it they are looked up again. */
export const MAX_CACHED_NAMES = 50_000;
/** Events of one chain that tree and replay hold in memory. */
export const MAX_CHAIN_EVENTS = 100_000;
/** Values of one filter (people of a group, launches of a chain) that are merged in one statement; more are joined. */
export const MAX_MERGED_VALUES = 64;
/** Values of a further filter that are looked up in its index, event by event; with more, the event's row is read. */
export const MAX_PROBED_VALUES = 8;
/** Rows of the first page of a query; pages double up to the last. */
export const FIRST_PAGE_ROWS = 64;
export const LAST_PAGE_ROWS = 512;
/** Matches that one step of a full-text search looks at. */
export const TEXT_PAGE_ROWS = 1_024;
/** Milliseconds that a writer waits for another one. */
export const BUSY_TIMEOUT_MS = 10_000;
/** Milliseconds between looks at the database while tailing. */
export const TAIL_INTERVAL_MS = 200;
/** Events of a filter up to which a text is looked for in their lines instead of the word index. */
export const NARROW_EVENTS = 2_000;
/** Milliseconds between looks at a spool that has nothing new. */
export const SPOOL_INTERVAL_MS = 50;
/** Times that kafkajs tries again before a broker counts as unreachable. */
export const KAFKA_RETRIES = 5;
/** Between these tries where a broker does not lead its partitions yet, milliseconds. */
export const KAFKA_UNLED_MS = 1_000;
/** From one batch to the next, where more is there to be taken, milliseconds. */
export const KAFKA_STALL_MS = 60_000;
/** Payload records that a reader holds open; each is at most audit's MAX_RECORD_BYTES. */
export const MAX_OPEN_RECORDS = 16;
/** Payload records that verification reads in one step. */
export const PAYLOAD_PAGE_ROWS = 8;
/** Bytes of a trust or witness file. */
export const MAX_SIDE_FILE_BYTES = 64 * 1024 * 1024;
