/** What is known of one policy and of the pods that it concerns. */
import type { AuditPolicy } from '@cairn/crds';
import type { OperatorContext } from '../../context.js';
import { mayRunBy } from '../../agents/index.js';
import type { Pod } from '../../kubernetes/index.js';
import { ENROLL_LABEL } from '../../names.js';
import type { PolicyView } from './decide.js';

type Sources = Pick<OperatorContext, 'policies' | 'agents' | 'caches'>;

function disputed(pods: readonly Pod[], all: readonly AuditPolicy[]): PolicyView['disputed'] {
  return pods.flatMap((pod) => {
    const policies = all.filter((each) => mayRunBy(pod, each)).map(({ metadata }) => metadata.name);
    return policies.length > 1 ? [{ pod: pod.metadata.name!, policies }] : [];
  });
}

/** undefined: the policy is gone. */
export function gather({ policies, agents, caches }: Sources, key: string): PolicyView | undefined {
  const state = policies.state(key);
  if (!state) return undefined;
  const namespace = state.stored.metadata.namespace!;
  const { inForce, problems } = state;
  const candidates = inForce ? agents.running(namespace).filter((pod) => mayRunBy(pod, inForce)) : [];
  const own = candidates.filter((pod) => agents.choose(pod).policy === inForce);
  const known = new Set(policies.providers().map(({ metadata }) => metadata.name));
  return {
    problems,
    inForce: inForce !== undefined,
    pods: own.map(({ metadata }) => metadata.name!).toSorted(),
    disputed: disputed(candidates, policies.inNamespace(namespace)),
    targets: inForce?.spec.targets.length ?? 0,
    unknownProviders: (inForce?.spec.identity.providers ?? []).filter((name) => !known.has(name)),
    enrolled: caches.namespaces.store.get({ name: namespace })?.metadata.labels?.[ENROLL_LABEL] === 'true',
  };
}
