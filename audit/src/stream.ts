/** The writing side of evidence, as the data path sees it. Implemented in writer/ over the spool. */
import type { PayloadReference } from './event.js';

export class EvidenceError extends Error {
  constructor(
    /** `disk-full`, `quota`, `high-water` and `undelivered` heal by themselves; `io` and `closed` do not. */
    readonly code: 'disk-full' | 'quota' | 'high-water' | 'undelivered' | 'io' | 'closed',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'EvidenceError';
  }
}

/**
 * An event that is put into words when its batch is written: words made and hashed one event after the other cost less than
 * in between everything else. What it says must not change until then, and its words must not fail.
 */
export interface LateEvent {
  /** UTF-16 units that both pieces have together at most. */
  readonly units: number;
  /** The pieces of `StreamWriter.append`, each asked for once. */
  head(): string;
  tail(): string;
}

export interface StreamWriter {
  /** UUIDv7 of this boot's stream. */
  readonly id: string;
  /** Why new work must be refused, or undefined while evidence can be written. Cheap: asked per exchange. */
  readonly refusing: EvidenceError | undefined;
  /**
   * Chains one event. The caller gives its canonical JSON in two pieces, as keys sort: everything before the member
   * `integrity` (`{"agent":...,"id":"..."` without trailing comma) and everything after it (`"operation":...}` without leading comma).
   * Buffered until flush. Returns the event's seq. Throws RangeError where the line would exceed MAX_LINE_BYTES.
   */
  append(head: string, tail: string): number;
  /** The same of an event whose pieces are asked for at the flush, or now where it may exceed MAX_LINE_BYTES. */
  appendLate(event: LateEvent): number;
  /** Adds plaintext to the payload record of the current batch. `undefined` where no auditor key is set (payloads are not kept). */
  payload(parts: readonly Uint8Array[], type: string): PayloadReference | undefined;
  /** Seals the batch's payload, writes everything appended so far with one write. After it, a killed process loses nothing. Throws EvidenceError. */
  flush(): void;
  /** Resolves when everything flushed so far is on disk (group fdatasync; asking begins one at once). */
  synced(): Promise<void>;
  /** Resolves when everything flushed so far was acknowledged by the shipper (Kafka); at once in the embedded default. */
  shipped(): Promise<void>;
  /** Writes stream.close and a last checkpoint, syncs, closes. */
  close(reason: string): Promise<void>;
}
