/** What becomes of an approval. Pure: every function gives a new approval. */
import { durationMillis, type Approval, type ApprovalRequest, type ApprovalVote } from '@cairn/crds';
import { APPROVAL_TIMEOUT_SECONDS } from '../limits.js';

export type Approver = ApprovalVote['approver'];

export class ApprovalRefusal extends Error {
  constructor(
    readonly code: 'not-pending' | 'not-in-group' | 'self-approval' | 'already-voted' | 'not-approved' | 'used' | 'typed-vote',
    message: string,
  ) {
    super(message);
    this.name = 'ApprovalRefusal';
  }
}

/** Seconds; undefined where it is no duration or longer than an approval may wait. */
export function timeoutSeconds(duration: string): number | undefined {
  const seconds = durationMillis(duration) / 1000;
  return seconds > 0 && seconds <= APPROVAL_TIMEOUT_SECONDS ? seconds : undefined;
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();
const expiry = (request: ApprovalRequest, now: number): string => iso(now + timeoutSeconds(request.requirement.timeout)! * 1000);

export function newApproval(request: ApprovalRequest, id: string, now: number): Approval {
  return { ...request, id, state: 'pending', created: iso(now), expires: expiry(request, now), votes: [], used: false };
}

/** Whether a retry of the same bytes finds it. */
export function isOpen(approval: Approval): boolean {
  return approval.state === 'pending' || (approval.state === 'approved' && !approval.used);
}

/** The same approval, expired if its time is over. An approved one that nobody used expires too. */
export function aged(approval: Approval, now: number): Approval {
  return isOpen(approval) && now >= Date.parse(approval.expires) ? { ...approval, state: 'expired' } : approval;
}

/** The API server puts a prefix before the names of its OIDC users (--oidc-username-prefix): `oidc:alice`, `https://idp#alice`. */
function isNamed(approver: string, name: string): boolean {
  return approver === name || approver.endsWith(`:${name}`) || approver.endsWith(`#${name}`);
}

/** The person at the root may not approve, by whichever provider; nor may an agent of the chain, nor an account of its namespaces. */
function isOfTheChain({ actor }: Approval, approver: Approver): boolean {
  const { root, launch, agent } = actor;
  const name = approver.name.toLowerCase();
  if (root && ((root.iss === approver.iss && root.sub === approver.sub) || isNamed(name, root.name.toLowerCase()))) return true;
  const agents = [...(launch?.path ?? []), `${agent.namespace}/${agent.name}`].map((each) => each.toLowerCase());
  const account = /^system:serviceaccount:([^:]+):/.exec(name);
  return agents.some((each) => each === name || (account && each.startsWith(`${account[1]}/`)));
}

export function mayVote(approval: Approval, approver: Approver): boolean {
  return approver.groups.some((group) => approval.requirement.groups.includes(group));
}

function checkVoter(approval: Approval, approver: Approver): void {
  if (isOfTheChain(approval, approver)) {
    throw new ApprovalRefusal(
      'self-approval',
      'whoever set the action in motion cannot decide on it; ask somebody else of the approving groups',
    );
  }
  if (!mayVote(approval, approver)) {
    throw new ApprovalRefusal('not-in-group', `only members of ${approval.requirement.groups.join(', ')} may decide on this`);
  }
  if (approval.votes.some((each) => each.approver.iss === approver.iss && each.approver.sub === approver.sub)) {
    throw new ApprovalRefusal('already-voted', 'you have voted on this already');
  }
}

/** Adds a vote: one denial denies, `minimum` approvals approve, and the action then has the timeout once more to be repeated. */
export function voted(approval: Approval, vote: Omit<ApprovalVote, 'time'>, now: number): Approval {
  if (approval.state !== 'pending') throw new ApprovalRefusal('not-pending', `this is ${approval.state} already`);
  checkVoter(approval, vote.approver);
  const votes = [...approval.votes, { ...vote, time: iso(now) }];
  if (vote.decision === 'deny') return { ...approval, votes, state: 'denied' };
  if (votes.length < approval.requirement.minimum) return { ...approval, votes };
  return { ...approval, votes, state: 'approved', expires: expiry(approval, now) };
}

/** Uses it up; `event` may do so again, when it did not hear the answer. */
export function used(approval: Approval, event?: string): Approval {
  if (approval.used && event !== undefined && approval.usedBy === event) return approval;
  if (approval.used) throw new ApprovalRefusal('used', 'this approval was used already');
  if (approval.state !== 'approved') throw new ApprovalRefusal('not-approved', `this is ${approval.state}, not approved`);
  return { ...approval, used: true, ...(event === undefined ? {} : { usedBy: event }) };
}
