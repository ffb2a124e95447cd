/** RequireApproval: asks the operator for an approval of exactly these bytes and waits a while for people to decide. */
import { createHash } from 'node:crypto';
import type { Actor, Approval } from '@cairn/crds';
import { actorOf } from '../decide/decide.js';
import { OperatorError, type ApprovalClient } from '../control/operator-client.js';
import { HOLD_SECONDS, MAX_SUMMARY_CHARACTERS } from './limits.js';
import type { Guard, HoldOutcome, HoldRequest } from './guard.js';

export function approvalGuard(operator: ApprovalClient, agent: Actor['agent'], target: string, holdSeconds = HOLD_SECONDS): Guard {
  return {
    async hold(request) {
      try {
        return await decided(operator, await operator.requestApproval(approvalRequest(request, agent, target)), holdSeconds);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        const message = `approval could not be asked for: ${error.message}`;
        return { state: 'unavailable', id: '', approvers: [], message };
      }
    },
  };
}

function approvalRequest(request: HoldRequest, agent: Actor['agent'], target: string): Parameters<ApprovalClient['requestApproval']>[0] {
  const { verdict, attribution, operations, summary, event } = request;
  const requirement = verdict.approval;
  if (!requirement) throw new Error(`rule ${verdict.rule} requires approval and says of whom nothing`);
  return {
    digest: digestOf(request, target),
    event,
    target,
    operations: [...operations],
    summary: summary.slice(0, MAX_SUMMARY_CHARACTERS),
    actor: actorOf(agent, attribution),
    policy: verdict.policy,
    rule: verdict.rule ?? '',
    ...(verdict.reason === undefined ? {} : { reason: verdict.reason }),
    requirement,
  };
}

/** Bound to target, chain and bytes: lengths first, so that no two requests share an encoding. */
function digestOf({ attribution, bytes }: HoldRequest, target: string): string {
  const digest = createHash('sha256');
  for (const part of [target, attribution.identity?.launch.chain ?? '', ...bytes]) {
    digest.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  return `sha256:${digest.digest('hex')}`;
}

async function decided(operator: ApprovalClient, first: Approval, holdSeconds: number): Promise<HoldOutcome> {
  const approval = first.state === 'pending' ? await operator.approval(first.id, holdSeconds) : first;
  const approvers = approval.votes.filter(({ decision }) => decision === 'approve').map(({ approver }) => approver.name);
  const outcome = { id: approval.id, approvers };
  switch (approval.state) {
    case 'approved':
      return used(operator, outcome);
    case 'denied': {
      const vote = approval.votes.find(({ decision }) => decision === 'deny');
      return {
        ...outcome,
        state: 'denied',
        message: `denied by ${vote?.approver.name ?? 'an approver'}${vote?.reason ? `: ${vote.reason}` : ''}`,
      };
    }
    case 'expired':
      return { ...outcome, state: 'expired', message: `approval ${approval.id} expired at ${approval.expires}` };
    case 'pending':
      return {
        ...outcome,
        state: 'pending',
        message: `approval ${approval.id} is pending until ${approval.expires}: retry the very same request once it is approved`,
      };
  }
}

async function used(operator: ApprovalClient, outcome: { id: string; approvers: string[] }): Promise<HoldOutcome> {
  try {
    await operator.useApproval(outcome.id);
    return { ...outcome, state: 'approved', message: `approved by ${outcome.approvers.join(', ')}` };
  } catch (error) {
    if (!(error instanceof OperatorError) || error.status !== 409) throw error;
    return { ...outcome, state: 'denied', message: `approval ${outcome.id} was used by another request` };
  }
}
