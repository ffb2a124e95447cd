/** Approvals: what a sidecar asks for, what an approver sees. Served by the operator under /v1/approvals. */
import type { Actor } from './policy.js';
import type { Operation } from './operation.js';
import type { ApprovalRequirement } from './types.js';

export interface ApprovalRequest {
  /** `sha256:` + hex over target, launch chain and the exact bytes; a retry of the same bytes finds the same approval. */
  digest: string;
  /** Id of the intent event in the evidence. */
  event: string;
  target: string;
  operations: Operation[];
  /** What a person reads: the statement, or method and path. Masked where the rule masks. */
  summary: string;
  actor: Actor;
  policy: string;
  rule: string;
  reason?: string;
  requirement: ApprovalRequirement;
}

export type ApprovalState = 'pending' | 'approved' | 'denied' | 'expired';

export interface ApprovalVote {
  /** Verified identity of the approver, never a field somebody typed. */
  approver: { iss: string; sub: string; name: string; groups: string[] };
  decision: 'approve' | 'deny';
  reason?: string;
  time: string;
}

export interface Approval extends ApprovalRequest {
  id: string;
  state: ApprovalState;
  created: string;
  expires: string;
  votes: ApprovalVote[];
  /** An approval is used up by the first passage of its bytes. */
  used: boolean;
  /** Id of the event that used it. */
  usedBy?: string;
}
