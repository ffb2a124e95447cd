/** Makes the NetworkPolicies of a namespace what they are to be, and says so in the policies' status. */
import { isDeepStrictEqual } from 'node:util';
import {
  keyOf,
  NAMESPACES,
  NETWORK_POLICIES,
  SERVICES,
  type EventRecorder,
  type KubernetesClient,
  type Namespace,
  type NetworkPolicy,
} from '../../kubernetes/index.js';
import { DEFAULT_DENY } from './decide.js';
import type { IngressNote } from './ingress.js';

export interface Hands {
  client: KubernetesClient;
  events: EventRecorder;
}

/** Given in full by us, so that nothing the API server fills in makes a difference. */
function same(wanted: NetworkPolicy, found: NetworkPolicy): boolean {
  // Empty lists are left out of what is stored.
  const full = ({ spec }: NetworkPolicy): object => ({ egress: [], ingress: [], ...(spec ?? { podSelector: {} }) });
  const labels = Object.entries(wanted.metadata.labels ?? {});
  return isDeepStrictEqual(full(found), full(wanted)) && labels.every(([key, value]) => found.metadata.labels?.[key] === value);
}

export async function fence(
  { client, events }: Hands,
  namespace: Namespace | undefined,
  wanted: readonly NetworkPolicy[],
  found: readonly NetworkPolicy[],
): Promise<void> {
  const known = new Map(found.map((each) => [keyOf(each), each]));
  for (const each of wanted) {
    const present = known.get(keyOf(each));
    known.delete(keyOf(each));
    if (present && same(each, present)) continue;
    await client.apply(NETWORK_POLICIES, each);
    if (present || each.metadata.name !== DEFAULT_DENY || !namespace) continue;
    const note = 'The namespace is enrolled: nothing leaves its pods but what AuditPolicies declare.';
    events.record({ resource: NAMESPACES, metadata: namespace.metadata }, { type: 'Normal', reason: 'Fenced', action: 'Fence', note });
  }
  for (const { metadata } of known.values()) {
    await client.delete(NETWORK_POLICIES, { namespace: metadata.namespace!, name: metadata.name! }, { uid: metadata.uid! });
  }
}

/** Tells the owners of Services what came of their annotation: a fence once, when it is made. */
export function tellOwners({ events }: Hands, notes: readonly IngressNote[], found: readonly NetworkPolicy[]): void {
  for (const { service, type, reason, note, fence: made } of notes) {
    if (made !== undefined && found.some(({ metadata }) => metadata.name === made)) continue;
    events.record({ resource: SERVICES, metadata: service.metadata }, { type, reason, action: 'Fence', note });
  }
}
