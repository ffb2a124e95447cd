/** Approval objects of the cluster and what they mean: the state follows from the request, the votes and the clock alone. Pure. */
import type { Approval, ApprovalObject, ApprovalVote, StoredVote } from '@cairn/crds';
import { aged, ApprovalRefusal, newApproval, voted, type Approver } from './decide.js';

export function voterOf({ iss, sub }: Pick<Approver, 'iss' | 'sub'>): string {
  return `${iss} ${sub}`;
}

function ballot({ approver, decision, reason }: StoredVote): Omit<ApprovalVote, 'time'> {
  return { approver, decision, ...(reason ? { reason } : {}) };
}

/** Counts a vote at its time; one that was not permitted then counts for nothing, however it came there. */
function counted(approval: Approval, vote: StoredVote): Approval {
  const time = Date.parse(vote.time);
  try {
    return voted(aged(approval, time), ballot(vote), time);
  } catch (error) {
    if (error instanceof ApprovalRefusal) return approval;
    throw error;
  }
}

/** `votes`: those whose signature holds. */
export function approvalOf(object: ApprovalObject, votes: readonly StoredVote[], now: number): Approval {
  const asked = newApproval(object.spec.request, object.metadata.name, Date.parse(object.metadata.creationTimestamp!));
  const inOrder = votes.toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time));
  const decided = inOrder.reduce(counted, asked);
  const { used = false, usedBy } = object.status ?? {};
  return aged({ ...decided, used, ...(usedBy === undefined ? {} : { usedBy }) }, now);
}
