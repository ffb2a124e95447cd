/** Policy over the operations of one message and who acts. Pure. */
import type { Actor, CompiledPolicy, Operation, Verdict } from '@cairn/crds';
import type { Attribution } from '../attribute/attribution.js';

/** `operations` undefined: the message could not be parsed. */
export function decide(
  policy: CompiledPolicy,
  agent: Actor['agent'],
  target: string,
  operations: readonly Operation[] | undefined,
  attribution: Attribution,
): Verdict {
  if (attribution.method === 'ambiguous' && policy.ambiguous.action !== 'Allow') return policy.ambiguous;
  if (!attribution.identity && attribution.method !== 'ambiguous' && policy.spec.identity.required) return policy.unidentified;
  if (!operations) return policy.unparsed;
  const actor = actorOf(agent, attribution);
  return operations.length === 1 ? policy.match(target, operations[0]!, actor) : policy.matchAll(target, operations, actor);
}

const actors = new WeakMap<object, Actor>();

/** Who acts, as rules see it; one object per identity. */
export function actorOf(agent: Actor['agent'], attribution: Attribution): Actor {
  const identity = attribution.identity;
  if (!identity) return { agent };
  let actor = actors.get(identity);
  if (!actor) {
    actor = { root: identity.root, launch: identity.launch, agent };
    actors.set(identity, actor);
  }
  return actor;
}
