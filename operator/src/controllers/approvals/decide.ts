/** What an Approval's status says, and when the object is cleared away. Pure. */
import type { Approval, ApprovalObject } from '@cairn/crds';
import type { Observation } from '../../kubernetes/index.js';
import { isOpen } from '../../service/approvals/decide.js';
import { RETENTION_SECONDS } from './limits.js';

export type ApprovalStep =
  | { kind: 'Delete' }
  | { kind: 'Status'; state: Approval['state']; expires: string; observation: Observation; afterMs: number };

const names = ({ votes }: Approval, decision: 'approve' | 'deny'): string =>
  votes
    .filter((vote) => vote.decision === decision)
    .map(({ approver }) => approver.name)
    .join(', ');

/** What the condition Decided says. */
function observationOf(approval: Approval): Observation {
  const { state, requirement, used } = approval;
  const decided = (status: 'True' | 'False', reason: string, message: string): Observation => ({
    type: 'Decided',
    status,
    reason,
    message,
  });
  switch (state) {
    case 'pending': {
      const missing = requirement.minimum - approval.votes.length;
      return decided('False', 'Waiting', `${missing} of ${requirement.groups.join(', ')} must still approve, until ${approval.expires}`);
    }
    case 'approved':
      return decided('True', used ? 'Used' : 'Approved', `approved by ${names(approval, 'approve')}${used ? ', and used' : ''}`);
    case 'denied':
      return decided('True', 'Denied', `denied by ${names(approval, 'deny')}`);
    case 'expired':
      return decided('True', 'Expired', `nobody ${approval.votes.length > 0 ? 'used it' : 'decided'} until ${approval.expires}`);
  }
}

/** When it came to its end, milliseconds; undefined while it is open. */
function endOf(approval: Approval): number | undefined {
  if (isOpen(approval)) return undefined;
  const last = approval.votes.at(-1)?.time;
  return approval.state === 'expired' || !last ? Date.parse(approval.expires) : Date.parse(last);
}

/** `now`: milliseconds. */
export function approvalStep(approval: Approval, now: number, retentionSeconds = RETENTION_SECONDS): ApprovalStep {
  const end = endOf(approval);
  const due = end === undefined ? Date.parse(approval.expires) : end + retentionSeconds * 1000;
  if (end !== undefined && now >= due) return { kind: 'Delete' };
  const { state, expires } = approval;
  return { kind: 'Status', state, expires, observation: observationOf(approval), afterMs: Math.max(1, due - now) };
}

/** Whether the status says it already. */
export function isSaid({ status }: ApprovalObject, { state, expires }: { state: string; expires: string }): boolean {
  return status?.state === state && status.expires === expires;
}
