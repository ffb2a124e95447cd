/** What the service keeps beyond its own life: on this machine's disk (files/) or as objects of a cluster (operator/src/state). */
import type { Approval, ApprovalRequest, ApprovalVote } from '@cairn/crds';
import type { LaunchNode, OneTimeUse, PodReference, Revocation, RevocationList, SigningKey } from '@cairn/identity';
import type { JSONWebKeySet } from 'jose';

/**
 * The signing keys of the token service. The next key is published before anything is signed with it, and previous ones
 * after, so that a rotation fails no request.
 */
export interface KeyRing {
  readonly current: SigningKey;
  /** The same object until a rotation. */
  jwks(): JSONWebKeySet;
  /** The next key becomes the current one. */
  rotate(): Promise<void>;
}

export type Vote = Omit<ApprovalVote, 'time'>;

export interface ApprovalStore {
  /** The open approval of the same bytes, or a new one. */
  request(request: ApprovalRequest): Promise<{ approval: Approval; created: boolean }>;
  /** What this replica has heard of. */
  get(id: string): Approval | undefined;
  /** The same, after a look at what it may not have heard of yet. `namespace`: the asking agent's. */
  find(id: string, namespace: string): Promise<Approval | undefined>;
  list(): Approval[];
  /** Throws ApprovalRefusal, or Problem 404. */
  vote(id: string, vote: Vote): Promise<Approval>;
  /** Uses it up, once among all replicas; the same event may ask again. Throws ApprovalRefusal, or Problem 404. */
  use(id: string, namespace: string, event?: string): Promise<Approval>;
}

export interface RevocationStore {
  readonly list: RevocationList;
  /** Revokes a launch and all below it; one that is revoked already keeps its first entry. */
  revoke(launch: string, by: string, time: string, reason?: string): Promise<Revocation>;
}

/** A line of streams.jsonl: a key of a stream was certified. A stream that rotates its key has several lines. */
export interface RegisteredKey {
  stream: string;
  /** JWT of the token service: typ `cairn-stream+jwt`. */
  certificate: string;
  /** base64url of the 32 raw bytes. */
  publicKey: string;
  pod: PodReference;
  /** `namespace/name`. */
  agent: string;
  /** RFC 3339. */
  time: string;
}

/** A line of witness.jsonl: the stream held `size` events whose head hashed to `root`. */
export interface WitnessedCheckpoint {
  stream: string;
  size: number;
  /** Hex. */
  root: string;
  /** RFC 3339. */
  time: string;
}

/**
 * Remembers, apart from the evidence itself, which streams exist and how long they have grown: so a deleted tail and a
 * deleted stream show, and a second history of the same stream is refused.
 */
export interface Witness {
  /** Certified keys of a stream, oldest first; none where it is not registered. `namespace`: that of the pod that asks. */
  keys(stream: string, namespace: string): Promise<readonly RegisteredKey[]>;
  /** Adds a stream, or a further key of one that rotates; the caller has checked that the pod is the same. */
  register(key: RegisteredKey): Promise<void>;
  /** Takes a checkpoint of a registered stream whose signature was verified. Throws Problem 409 where it contradicts an earlier one. */
  advance(checkpoint: WitnessedCheckpoint, namespace: string): Promise<void>;
  /** The sidecar says that its last event is written and witnessed. */
  finish(stream: string, namespace: string, time: string): Promise<void>;
}

export interface LaunchRecord {
  node: LaunchNode;
  pod: PodReference;
  /** The agent's name in the trail. */
  agent: string;
  /** AuditPolicy that it runs by, where that is known. */
  policy?: string | undefined;
}

export interface LaunchRecords {
  /** Records a launch before its first token is handed out; again is the same as once. Throws IdentityError `revoked`. */
  record(launch: LaunchRecord): Promise<void>;
}

export interface ServiceStores {
  readonly keys: KeyRing;
  readonly approvals: ApprovalStore;
  readonly revocations: RevocationStore;
  readonly witness: Witness;
  readonly launches: LaunchRecords;
  /** Which SAML assertions were used. */
  readonly assertions: OneTimeUse;
  close(): Promise<void>;
}

/** Topic of every revocation; an approval's topic is its id. */
export const REVOCATIONS = 'revocations';

/** Opens them. `changed` is told the topic of what others wait for; `clock` gives milliseconds. */
export type OpenStores = (changed: (topic: string) => void, clock: () => number) => Promise<ServiceStores>;
