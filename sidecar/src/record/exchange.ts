/** Exchanges as a protocol session reports them; the recorder turns them into chained events and sealed payloads. */
import type { Body, EvidenceError } from '@cairn/audit';
import type { Operation, Verdict } from '@cairn/crds';
import type { Attribution } from '../attribute/attribution.js';
import type { HoldOutcome } from '../guard/guard.js';

export interface Intent {
  attribution: Attribution;
  verdict: Verdict;
  operation: Operation;
  others?: readonly Operation[] | undefined;
  /** SQL text, or method and path; already masked where the rule masks. */
  statement?: string | undefined;
  /** Set where the whole request is known now; otherwise it goes to complete(). */
  request?: Body | undefined;
  traceparent?: string | undefined;
  masked?: readonly Masked[] | undefined;
}

export interface Masked {
  path: string;
  /** Rule that masked. */
  rule: string;
  count: number;
}

export interface Completion {
  /** HTTP status, SQLSTATE, exit code. */
  status: string;
  request?: Body | undefined;
  response?: Body | undefined;
  rows?: number | undefined;
  /** Kubernetes: where a list or watch stood. */
  resourceVersion?: string | undefined;
  columns?: readonly { name: string; type: string }[] | undefined;
  /** What of the operation's parameters was not known at its intent. */
  parameters?: Record<string, unknown> | undefined;
  error?: string | undefined;
  masked?: readonly Masked[] | undefined;
}

export interface Exchange {
  /** Id of the intent event. */
  readonly id: string;
  /** Stage `decision`: how a hold ended. */
  decided(outcome: HoldOutcome): void;
  /** Stage `complete`; exactly once, also for denials and broken connections (status and error say so). */
  complete(completion: Completion): void;
  /**
   * Strict delivery: resolves when the intent is fsynced and acknowledged; at once for the other levels. Rejects with
   * an EvidenceError `undelivered` after DELIVERY_MS.
   */
  delivered(): Promise<void>;
}

/**
 * Collects one body: sizes, hashes what is forwarded, keeps the original for the seal up to `maxBytes`.
 * A body of one chunk costs one hash call and no stream.
 */
export interface BodyCapture {
  /** Bytes forwarded as they came. */
  add(chunk: Uint8Array): void;
  /** Bytes that were changed: `original` is sealed, `forwarded` hashed and counted. */
  addChanged(original: Uint8Array, forwarded: Uint8Array): void;
  finish(): Body;
}

export interface SessionRecorder {
  /** Why a new exchange must be refused; undefined while evidence can be written. */
  readonly refusing: EvidenceError | undefined;
  /** Whether a failed write of evidence concerns nothing but BestEffort exchanges, which go on; absent: it does not. */
  readonly indifferent?: boolean;
  intent(intent: Intent): Exchange;
  /** `keep` false: sizes and hash only (level Metadata, or Request for a response). `type` as in PayloadReference. */
  body(options: { keep: boolean; maxBytes: number; type: string }): BodyCapture;
}
