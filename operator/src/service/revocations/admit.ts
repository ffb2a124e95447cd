/** What admission makes of an update of an AgentLaunch. Pure. */
import type { AgentLaunch } from '@cairn/crds';

/**
 * The object as it is to be stored: a revocation says who and when by what the API server knows of the sender, whatever
 * was typed. `by`: the sender's user name; `now`: milliseconds.
 */
export function admitRevocation(before: AgentLaunch, after: AgentLaunch, by: string, now: number): AgentLaunch {
  const { revoked } = after.spec;
  if (!revoked || before.spec.revoked) return after;
  const { reason } = revoked;
  const stamped = { by: by.slice(0, 256), time: new Date(now).toISOString(), ...(reason ? { reason } : {}) };
  return { ...after, spec: { ...after.spec, revoked: stamped } };
}
