/** RequireApproval: asks the operator for an approval of exactly these bytes and waits a while for people to decide. */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Actor, Approval, ApprovalRequest } from '@cairn/crds';
import { actorOf } from '../decide/decide.js';
import { OperatorError, type ApprovalClient } from '../control/operator-client.js';
import { APPROVAL_POLL_SECONDS, APPROVAL_RETRY_MS, HOLD_SECONDS, MAX_SUMMARY_CHARACTERS } from './limits.js';
import type { Guard, HoldOutcome, HoldRequest } from './guard.js';

export function approvalGuard(operator: ApprovalClient, agent: Actor['agent'], target: string, holdSeconds = HOLD_SECONDS): Guard {
  return {
    async hold(request) {
      try {
        const asked = approvalRequest(request, agent, target);
        return await decided(operator, asked, performance.now() + holdSeconds * 1000);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        const message = `approval could not be asked for: ${error.message}`;
        return { state: 'unavailable', id: '', approvers: [], message };
      }
    },
  };
}

function approvalRequest(request: HoldRequest, agent: Actor['agent'], target: string): ApprovalRequest {
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

/** Asks again, until the deadline (of performance.now), where one replica of the operator was gone: another may be there. */
async function persistently<T>(deadline: number, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isPassing = error instanceof OperatorError && (error.status === 0 || error.status >= 500);
      if (!isPassing || performance.now() + APPROVAL_RETRY_MS >= deadline) throw error;
      await pause(APPROVAL_RETRY_MS);
    }
  }
}

/** In short polls: a replica that is gone without a word is not waited for. */
async function voted(operator: ApprovalClient, id: string, deadline: number): Promise<Approval> {
  for (;;) {
    const left = Math.max(0, Math.round((deadline - performance.now()) / 1000));
    const approval = await persistently(deadline, () => operator.approval(id, Math.min(left, APPROVAL_POLL_SECONDS)));
    if (approval.state !== 'pending' || performance.now() + APPROVAL_RETRY_MS >= deadline) return approval;
    await pause(APPROVAL_RETRY_MS);
  }
}

async function decided(operator: ApprovalClient, asked: ApprovalRequest, deadline: number): Promise<HoldOutcome> {
  const first = await persistently(deadline, () => operator.requestApproval(asked));
  const approval = first.state === 'pending' ? await voted(operator, first.id, deadline) : first;
  const approvers = approval.votes.filter(({ decision }) => decision === 'approve').map(({ approver }) => approver.name);
  const outcome = { id: approval.id, approvers };
  switch (approval.state) {
    case 'approved':
      return persistently(deadline, () => used(operator, outcome, asked.event));
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

/** Says by which event, so that a use whose answer was lost is told apart from somebody else's. */
async function used(operator: ApprovalClient, outcome: { id: string; approvers: string[] }, event: string): Promise<HoldOutcome> {
  try {
    await operator.useApproval(outcome.id, event);
    return { ...outcome, state: 'approved', message: `approved by ${outcome.approvers.join(', ')}` };
  } catch (error) {
    if (!(error instanceof OperatorError) || error.status !== 409) throw error;
    return { ...outcome, state: 'denied', message: `approval ${outcome.id} was used by another request` };
  }
}
