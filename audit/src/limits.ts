/** Every bound of the evidence package, with its unit. */

/** Bytes of one event's line: a Kafka message of 1 MB holds it with its headers. Bodies lie in payload records. */
export const MAX_LINE_BYTES = 900 * 1024;
/** Levels of nested objects and arrays in one event; whoever records nested parameters keeps below it. */
export const MAX_DEPTH = 64;
/** Plaintext bytes of one payload record: a Kafka message of 1 MB holds its ciphertext with room to spare. */
export const MAX_RECORD_BYTES = 512 * 1024;
/** UTF-16 units of event lines that one batch holds before it is flushed of itself: at three bytes a unit they fit a frame. */
export const MAX_BATCH_UNITS = 4 * 1024 * 1024;
/** Sealed bytes that one batch holds before it is flushed of itself. */
export const MAX_BATCH_PAYLOAD_BYTES = 8 * 1024 * 1024;
/** Payload bytes of one spool frame; a length beyond it is damage, not data. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Bytes of one checkpoint note. */
export const MAX_NOTE_BYTES = 4096;
/** Events between two checkpoints. */
export const CHECKPOINT_EVENTS = 256;
/** Milliseconds between two checkpoints while something is new. */
export const CHECKPOINT_MILLISECONDS = 2000;
/** Milliseconds from a flush to the fdatasync that covers it, at most. */
export const SYNC_MILLISECONDS = 20;
/** Milliseconds between two looks at whether a full disk, quota or high-water mark has healed. */
export const PROBE_MILLISECONDS = 250;
/** Bytes that must fit on the disk before a full one counts as healed. */
export const PROBE_BYTES = 64 * 1024;
/** Milliseconds between two looks at what the shipper acknowledged, while somebody waits for it. */
export const SHIPPED_POLL_MILLISECONDS = 2;

/** Latest events of a stream whose hashes a verifier keeps, to know a repeated delivery and to check a checkpoint that comes late. */
export const VERIFY_WINDOW_EVENTS = 16_384;
/** Findings that a report lists; more are counted. */
export const MAX_FINDINGS = 1000;
/** Checkpoints of one stream that wait for their events; beyond it the smallest is given up, which a larger one covers. */
export const MAX_WAITING_CHECKPOINTS = 1024;
/** Intents of one stream that wait for their outcome by name; beyond it they are only counted. */
export const MAX_OPEN_INTENTS = 16_384;
/** Gaps and intents that a report lists by stream; more are counted. */
export const MAX_LISTED = 20;
/** Payload records of one stream that were found to hold, kept to know a repeated delivery. */
export const MAX_HELD_PAYLOADS = 16_384;

/** Bounds of one spool, settable by its owner. */
export interface SpoolLimits {
  /** Bytes of a segment file before the next is begun. */
  segmentBytes: number;
  /** Bytes of everything below the spool's folder. Within a sixteenth of it new work is refused; beyond it nothing is written. */
  quotaBytes: number;
  /** Bytes of this stream that the shipper has not acknowledged, from which new work is refused. */
  highWaterBytes: number;
}

export const DEFAULT_SPOOL_LIMITS: SpoolLimits = {
  segmentBytes: 64 * 1024 * 1024,
  quotaBytes: 4 * 1024 * 1024 * 1024,
  highWaterBytes: 1024 * 1024 * 1024,
};
/** Lifetime of a launch reference, seconds: an approval may be awaited between its signature and its admission. */
export const REFERENCE_SECONDS = 120;
/** Difference of clocks that is tolerated at its verification, seconds. */
export const REFERENCE_SKEW_SECONDS = 60;
/** Characters of a launch reference. */
export const MAX_REFERENCE_CHARS = 8 * 1024;
