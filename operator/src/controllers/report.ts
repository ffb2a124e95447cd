/** Conditions that several controllers write on one object, each its own under a field manager of its own. */
import {
  conditionsOf,
  sameConditions,
  type ApiObject,
  type Condition,
  type KubernetesClient,
  type Observation,
  type Resource,
} from '../kubernetes/index.js';

interface Observed extends ApiObject {
  status?: { conditions?: Condition[] };
}

/** Writes the observation where it is news. `now` is RFC 3339. */
export async function report<T extends Observed>(
  client: KubernetesClient,
  resource: Resource<T>,
  object: T,
  { observation, manager, now }: { observation: Observation; manager: string; now: string },
): Promise<void> {
  const { name, namespace, generation } = object.metadata;
  const before = object.status?.conditions;
  const conditions = conditionsOf(before, [observation], generation, now);
  if (sameConditions(before, conditions)) return;
  const applied = { metadata: { name, namespace }, status: { conditions } } as T;
  await client.apply(resource, applied, { subresource: 'status', manager });
}
