/**
 * One event model for every protocol (CloudEvents 1.0 type dev.cairn.audit.v1). On disk, in Kafka and in exports an
 * event is one line of RFC 8785 canonical JSON; absent members are left out, never null.
 */
import type { Action, Operation } from '@cairn/crds';
import type { Launch, Principal } from '@cairn/identity';

export const EVENT_TYPE = 'dev.cairn.audit.v1';

export type Stage = 'intent' | 'decision' | 'complete' | 'gap' | 'seal' | 'stream.open' | 'stream.close' | 'key.rotate';

/** Which rung of the ladder attributed the action; never a guess. */
export type AttributionMethod =
  | 'pod_launch'
  | 'handle'
  | 'trace'
  | 'serialized'
  | 'same_root'
  | 'ambiguous'
  | 'background'
  /** An inbound request that proved its own identity. */
  | 'presented'
  /** Nobody proved anything. */
  | 'none';

export interface Candidate {
  root: string;
  launch: string;
}

export interface Body {
  /** Bytes that passed, decoded of transfer framing. */
  size: number;
  /** Hex, over those bytes as they were forwarded (after masking). */
  sha256?: string;
  /** Where the sealed original lies, in order; a body that streams spans several records. */
  payload?: PayloadReference[];
  /** True where the record holds less than what passed. */
  truncated?: boolean;
}

/**
 * `offset` and `length` count plaintext bytes inside payload record number `record` of the event's own stream. Where the record ends
 * before `length` bytes, the rest is at the beginning of the next record, and so on (see readPayload).
 */
export interface PayloadReference {
  record: number;
  offset: number;
  length: number;
  /** How to read it: application/json, application/vnd.postgresql.v3, ... */
  type: string;
}

export interface AuditEvent {
  /** UUIDv7 (RFC 9562). */
  id: string;
  /** RFC 3339 UTC with up to nine fractional digits. */
  time: string;
  stage: Stage;
  /** The person; absent where attribution is ambiguous or none. */
  root?: Principal;
  launch?: Launch;
  attribution?: { method: AttributionMethod; candidates?: Candidate[] };
  agent: { name: string; namespace: string; pod: string; uid: string; node: string };
  /** `seq` counts exchanges of the session from 1; intent, decision and complete of one exchange share it. */
  session?: { id: string; seq: number; direction: 'inbound' | 'outbound' };
  /** Event that led to this one: the intent for decision and complete; the inbound request for an outbound intent; the caller's intent for an inbound one. */
  cause?: string;
  protocol?: string;
  target?: { name: string; host: string; port: number };
  /** The first operation of the message; `statement` is its text (SQL, or method and path), `others` the rest. */
  operation?: Operation & { statement?: string; others?: Operation[] };
  request?: Body;
  response?: Body & {
    /** HTTP status, SQLSTATE (`00000` for success), exit code. */
    status: string;
    /** Rows of a result; objects of a list, events of a watch. */
    rows?: number;
    /** Kubernetes: `metadata.resourceVersion` of what came back; of a watch, the last. */
    resourceVersion?: string;
    /** Column names and type names of a result. */
    columns?: { name: string; type: string }[];
    /** Milliseconds from the intent to the end of the response. */
    duration: number;
    error?: string;
  };
  decision?: {
    action: Action;
    policy: string;
    rule?: string;
    reason?: string;
    approval?: { id: string; state: string; approvers: string[] };
  };
  masked?: { path: string; rule: string; count: number }[];
  trace?: { traceparent: string };
  /** Only stage `seal`: the payload record that was written before this event. sha256 is over its ciphertext. */
  seal?: { record: number; size: number; sha256: string };
  /** Only stage `gap`: what is known to be missing, and why. */
  gap?: { count: number; reason: string };
  /** Only stage `stream.close`. */
  close?: { reason: string };
  /** Only stream.open and key.rotate: the boot key's certificate (JWT of the token service). */
  stream?: { certificate: string; sealing?: { kid: string; enc: string } };
  integrity: Integrity;
}

export interface Integrity {
  /** Hex SHA-256 over the canonical event whose `integrity` lacks this one member. */
  hash: string;
  /** Hash of the stream's event before; 64 zeros at seq 0. */
  prev: string;
  /** From 0, without holes. */
  seq: number;
  /** UUIDv7, one per sidecar boot. */
  stream: string;
}
