/** What admission makes of an update of an Approval: a person's decision becomes a signed vote, or a refusal with its reason. */
import { isDeepStrictEqual } from 'node:util';
import type { ApprovalObject, ApprovalVote } from '@cairn/crds';
import type { KeyRing, Vote } from '../stores.js';
import { aged, ApprovalRefusal, voted, type Approver } from './decide.js';
import { approvalOf, voterOf } from './object.js';
import { signedVotes, signVote } from './signature.js';

/** What the object's schema keeps of a person: the API server prunes any other member, and the signature would not hold any more. */
function kept({ iss, sub, name, groups }: Approver): Approver {
  return { iss, sub, name, groups };
}

/** The object with one more vote. Throws ApprovalRefusal. `now`: milliseconds. */
export async function withVote(object: ApprovalObject, vote: Vote, keys: KeyRing, now: number): Promise<ApprovalObject> {
  const current = approvalOf(object, await signedVotes(object, keys.jwks()), now);
  const { time, ...cast } = voted(aged(current, now), vote, now).votes.at(-1)!;
  const signed = await signVote(keys.current, object, { ...cast, voter: voterOf(vote.approver), approver: kept(vote.approver), time });
  return { ...object, spec: { ...object.spec, votes: [...object.spec.votes, signed] } };
}

function decisionOf({ spec: { decision, reason } }: ApprovalObject, approver: Approver): Vote | undefined {
  return decision && { approver, decision: decision satisfies ApprovalVote['decision'], ...(reason ? { reason } : {}) };
}

/**
 * The object as it is to be stored when `approver`, as the API server names whoever sent the update, changes `before` to
 * `after`. Only their decision is taken over: votes are never typed. Throws ApprovalRefusal.
 */
export async function admitDecision(
  before: ApprovalObject,
  after: ApprovalObject,
  approver: Approver,
  keys: KeyRing,
  now: number,
): Promise<ApprovalObject> {
  if (!isDeepStrictEqual(before.spec.votes, after.spec.votes)) {
    throw new ApprovalRefusal('typed-vote', 'votes are written by admission; set spec.decision to approve or deny instead');
  }
  const { decision: _, reason: __, ...spec } = after.spec;
  const vote = decisionOf(after, approver);
  const stored: ApprovalObject = { ...after, spec };
  return vote ? withVote(stored, vote, keys, now) : stored;
}

/** Whether every vote that `after` has and `before` has not is signed: what validation asks of any writer, the operator too. */
export async function votesAreSigned(before: ApprovalObject | undefined, after: ApprovalObject, keys: KeyRing): Promise<boolean> {
  const known = new Set(before?.spec.votes.map(({ signature }) => signature));
  const signed = new Set((await signedVotes(after, keys.jwks())).map(({ signature }) => signature));
  return after.spec.votes.every(({ signature }) => known.has(signature) || signed.has(signature));
}
