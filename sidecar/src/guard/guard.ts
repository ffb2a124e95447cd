/** Acts on RequireApproval: asks the operator, holds the exchange for a while, then says how to go on. */
import type { Operation, Verdict } from '@cairn/crds';
import type { Attribution } from '../attribute/attribution.js';

export interface HoldRequest {
  verdict: Verdict;
  attribution: Attribution;
  operations: readonly Operation[];
  /** Statement, or method and path; masked where the rule masks. */
  summary: string;
  /** The exact bytes that would go to the target; approvals are bound to their digest. */
  bytes: readonly Uint8Array[];
  /** Id of the intent event. */
  event: string;
}

export interface HoldOutcome {
  /** `pending`: nobody decided within the hold time; tell the agent to retry the same bytes later. */
  state: 'approved' | 'denied' | 'expired' | 'pending' | 'unavailable';
  id: string;
  approvers: string[];
  /** A sentence for the agent and the record. */
  message: string;
}

export interface Guard {
  hold(request: HoldRequest): Promise<HoldOutcome>;
}
