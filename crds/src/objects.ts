/** Objects that the operator writes and people read or decide on: Approval, AgentLaunch, AuditStream. */
import type { ApprovalRequest, ApprovalState, ApprovalVote } from './approval.js';
import type { API_VERSION, ObjectMeta } from './types.js';

/** metav1.ObjectMeta as the API server fills it in. */
interface StoredMeta extends ObjectMeta {
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  /** RFC 3339. */
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
}

/** metav1.Condition. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  observedGeneration?: number;
  lastTransitionTime: string;
  reason: string;
  message: string;
}

interface Observed {
  observedGeneration?: number;
  conditions?: Condition[];
}

export interface StoredVote extends ApprovalVote {
  /** Issuer and subject: nobody votes twice. */
  voter: string;
  /** JWT of the token service over the vote and what it is on. */
  signature: string;
}

export interface ApprovalSpec {
  request: ApprovalRequest;
  votes: StoredVote[];
  /** A person's decision on its way through admission, which turns it into a vote. */
  decision?: ApprovalVote['decision'];
  reason?: string;
}

export interface ApprovalObject {
  apiVersion: typeof API_VERSION;
  kind: 'Approval';
  metadata: StoredMeta & { namespace: string };
  spec: ApprovalSpec;
  status?: Observed & { state?: ApprovalState; expires?: string; used?: boolean; usedBy?: string };
}

export interface AgentLaunchSpec {
  /** Who is at the root of the chain. */
  root: { iss: string; sub: string; name: string; groups: string[]; authn: 'oidc' | 'saml' | 'kubernetes' };
  launch: { id: string; chain: string; parent?: string; depth: number; path: string[] };
  /** Launches above it, from the chain's first to its parent. */
  ancestors: string[];
  agent: string;
  policy?: string;
  pod: { name: string; uid: string };
  revoked?: { by?: string; reason?: string; time?: string };
}

export interface AgentLaunch {
  apiVersion: typeof API_VERSION;
  kind: 'AgentLaunch';
  /** The name is the launch's id. */
  metadata: StoredMeta & { namespace: string };
  spec: AgentLaunchSpec;
  status?: Observed & {
    streams?: number;
    lastCheckpoint?: WitnessedHead & { stream: string };
    coverage?: 'Complete' | 'Partial' | 'Unknown';
    ended?: string;
  };
}

/** How far a stream had grown: the hash of event `size - 1`. */
export interface WitnessedHead {
  size: number;
  /** Hex. */
  root: string;
  /** RFC 3339. */
  time: string;
}

export interface StreamKey {
  /** base64url of the 32 raw bytes. */
  publicKey: string;
  certificate: string;
  time: string;
}

export interface AuditStreamSpec {
  stream: string;
  agent: string;
  pod: { name: string; uid: string };
  /** Oldest first. */
  keys: StreamKey[];
  closed?: string;
}

export interface AuditStream {
  apiVersion: typeof API_VERSION;
  kind: 'AuditStream';
  /** The name is the stream's id. */
  metadata: StoredMeta & { namespace: string };
  spec: AuditStreamSpec;
  status?: Observed & { lastCheckpoint?: WitnessedHead; state?: 'Open' | 'Closed' | 'Lost' };
}
