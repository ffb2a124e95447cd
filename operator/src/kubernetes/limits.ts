/** Every bound of the client of the API server, with its unit. */

/** Longest that one request may take, milliseconds. */
export const REQUEST_MS = 30_000;
/** Bytes of one answer: a page of the largest objects. */
export const RESPONSE_BYTES = 256 * 1024 * 1024;
/** Bytes of one event of a watch; etcd holds objects of up to 1.5 MiB, which JSON escapes may multiply. */
export const WATCH_LINE_BYTES = 16 * 1024 * 1024;
/** Bytes of an object that we send; the API server takes 3 MiB. */
export const REQUEST_BYTES = 3 * 1024 * 1024;
/** Objects of one page of a list. */
export const PAGE_COUNT = 500;
/** Connections for requests; each watch has one of its own besides. */
export const CONNECTIONS_COUNT = 64;
/** The server ends a watch after a random time between this and twice this, seconds. */
export const WATCH_SECONDS = 300;
/** A watch without a byte for so long counts as half-open; bookmarks come once a minute. Milliseconds. */
export const WATCH_IDLE_MS = 90_000;
/** Pause before a failed list or watch is tried again: at first, and at most. Milliseconds. */
export const RESTART_FIRST_MS = 250;
export const RESTART_MOST_MS = 15_000;
/** Objects of one reflector's store. */
export const STORE_OBJECTS_COUNT = 100_000;
/** Keys that one queue holds. */
export const QUEUE_KEYS_COUNT = 2 * STORE_OBJECTS_COUNT;
/** Pause before a failed key is tried again: at first, and at most. Milliseconds. */
export const RETRY_FIRST_MS = 50;
export const RETRY_MOST_MS = 300_000;
/** Leader election as client-go does it, milliseconds: how long others respect a lease, how long its holder tries to renew, between tries. */
export const LEASE_DURATION_MS = 15_000;
export const LEASE_RENEW_MS = 10_000;
export const LEASE_RETRY_MS = 2_000;
/** Events that wait to be sent; more are counted and dropped. */
export const EVENTS_PENDING_COUNT = 1000;
/** Kinds of events remembered, so that a repetition becomes a series. */
export const EVENTS_KNOWN_COUNT = 4096;
/** A series is written again at most so often, milliseconds. */
export const EVENT_SERIES_MS = 60_000;
/** After so long without a repetition a series is over, milliseconds. */
export const EVENT_SERIES_END_MS = 6 * 60_000;
/** Different events of one object at once, and one more in each interval, milliseconds. */
export const EVENTS_BURST_COUNT = 25;
export const EVENTS_INTERVAL_MS = 300_000;
/** Characters of an event's note, as the API server permits. */
export const EVENT_NOTE_CHARACTERS = 1024;
