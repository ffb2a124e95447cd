/** Agents' pods as the cluster has them, and the policies that they run by. */
import { isDeepStrictEqual } from 'node:util';
import { choosePolicy, type AuditPolicy, type PolicyChoiceProblem } from '@cairn/crds';
import type { PodReference } from '@cairn/identity';
import { PODS, type KubernetesClient, type Pod, type Reflector } from '../kubernetes/index.js';
import { AGENT_LABEL, POLICY_ANNOTATION } from '../names.js';
import type { PolicyBook } from './policy-book.js';

export type AgentChoice = { policy: AuditPolicy; problem?: undefined } | { policy?: undefined; problem: PolicyChoiceProblem };

export function agentName(pod: Pod): string | undefined {
  return pod.metadata.labels?.[AGENT_LABEL];
}

/** Whether the policy is one that the pod names, or that selects it where it names none. */
export function mayRunBy({ metadata: { labels = {}, annotations } }: Pod, { metadata, spec }: AuditPolicy): boolean {
  const named = annotations?.[POLICY_ANNOTATION];
  if (named !== undefined) return named === metadata.name;
  return Object.entries(spec.selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

/** Whether what decides about an agent's policy is the same in both. */
export function sameChoice(a: Pod, b: Pod): boolean {
  const [first, second] = [a, b].map(({ metadata: { labels, annotations } }) => [labels, annotations?.[POLICY_ANNOTATION]]);
  return isDeepStrictEqual(first, second);
}

export class AgentDirectory {
  constructor(
    private readonly client: KubernetesClient,
    private readonly pods: Reflector<Pod>,
    private readonly policies: PolicyBook,
  ) {}

  /** The injected pod, also one whose admission this replica has not heard of yet; undefined: there is none with this UID. */
  async find({ namespace, name, uid }: PodReference): Promise<Pod | undefined> {
    const pod = this.pods.store.get({ namespace, name });
    if (pod?.metadata.uid === uid) return pod;
    const asked = await this.client.get(PODS, { namespace, name });
    return asked?.metadata.uid === uid && agentName(asked) !== undefined ? asked : undefined;
  }

  /** Agents' pods of a namespace that have not ended. */
  running(namespace: string): Pod[] {
    return this.pods.store.inNamespace(namespace).filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  }

  choose({ metadata: { namespace = '', labels = {}, annotations } }: Pod): AgentChoice {
    const policyAnnotation = annotations?.[POLICY_ANNOTATION];
    const pod = { namespace, labels, ...(policyAnnotation === undefined ? {} : { policyAnnotation }) };
    return choosePolicy(this.policies.inNamespace(namespace), pod);
  }
}
