/**
 * Votes are signed by the token service when it, or admission, has verified who votes. So a vote that somebody wrote into
 * the object by another way, with the webhook removed or in etcd itself, counts for nothing.
 */
import { hash } from 'node:crypto';
import { canonicalJson } from '@cairn/audit';
import type { ApprovalObject, StoredVote } from '@cairn/crds';
import { SIGNING_ALGORITHMS, signJwt, type SigningKey } from '@cairn/identity';
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet } from 'jose';

const VOTE_TYPE = 'cairn-vote+jwt';

export type UnsignedVote = Omit<StoredVote, 'signature'>;

/** What a signature covers; the UID keeps it from being used on another object of the same name. */
function covered({ metadata, spec }: ApprovalObject, { voter, approver, decision, reason, time }: UnsignedVote): string {
  const vote = { voter, approver, decision, time, ...(reason ? { reason } : {}) };
  return hash('sha256', canonicalJson({ approval: metadata.uid!, digest: spec.request.digest, vote }), 'base64url');
}

export async function signVote(key: SigningKey, object: ApprovalObject, vote: UnsignedVote): Promise<StoredVote> {
  const signature = await signJwt(key, VOTE_TYPE, { sub: object.metadata.uid, vote: covered(object, vote) });
  return { ...vote, signature };
}

async function holds(object: ApprovalObject, vote: StoredVote, keys: ReturnType<typeof createLocalJWKSet>): Promise<boolean> {
  try {
    const { payload } = await jwtVerify(vote.signature, keys, { typ: VOTE_TYPE, algorithms: [...SIGNING_ALGORITHMS] });
    return payload['vote'] === covered(object, vote);
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}

/** The votes whose signature holds. */
export async function signedVotes(object: ApprovalObject, jwks: JSONWebKeySet): Promise<StoredVote[]> {
  const { votes } = object.spec;
  if (votes.length === 0) return [];
  const keys = createLocalJWKSet(jwks);
  const verdicts = await Promise.all(votes.map((vote) => holds(object, vote, keys)));
  return votes.filter((_, index) => verdicts[index]);
}
