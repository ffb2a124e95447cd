/** Writes what was observed to the policy's status, and tells of what changed for the worse. */
import {
  AUDIT_POLICIES,
  conditionsOf,
  sameConditions,
  type Condition,
  type EventRecorder,
  type KubernetesClient,
  type Observation,
  type StoredPolicy,
} from '../../kubernetes/index.js';
import type { PolicyState } from '../../agents/index.js';
import { recordOf } from './decide.js';
import { MESSAGE_CHARACTERS } from './limits.js';

const GOOD = { Conflicting: 'False' } as const;

function isBad({ type, status }: Observation): boolean {
  return status !== (type in GOOD ? GOOD[type as keyof typeof GOOD] : 'True');
}

function tell(events: EventRecorder, policy: StoredPolicy, before: readonly Condition[] | undefined, after: readonly Condition[]): void {
  for (const condition of after) {
    const known = before?.find(({ type }) => type === condition.type);
    // Ready repeats another condition.
    if (condition.type === 'Ready' || (known?.reason === condition.reason && known.status === condition.status)) continue;
    const bad = isBad(condition);
    if (!known && !bad) continue;
    const text = { type: bad ? 'Warning' : 'Normal', reason: condition.reason, action: 'Compile', note: condition.message } as const;
    events.record({ resource: AUDIT_POLICIES, metadata: policy.metadata }, text);
  }
}

export async function act(
  { client, events }: { client: KubernetesClient; events: EventRecorder },
  { stored: policy, inForce }: PolicyState,
  observations: readonly Observation[],
  now: string,
): Promise<void> {
  const { name, namespace, generation } = policy.metadata;
  const cut = observations.map((each) => ({ ...each, message: each.message.slice(0, MESSAGE_CHARACTERS) }));
  const before = policy.status?.conditions;
  const conditions = conditionsOf(before, cut, generation, now);
  const lastValid = recordOf(inForce) ?? policy.status?.lastValid;
  const known = policy.status?.observedGeneration === generation && policy.status?.lastValid === lastValid;
  if (known && sameConditions(before, conditions)) return;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const status = { ...observed, conditions, ...(lastValid === undefined ? {} : { lastValid }) };
  await client.apply(AUDIT_POLICIES, { metadata: { name, namespace }, status } as StoredPolicy, { subresource: 'status' });
  tell(events, policy, before, conditions);
}
