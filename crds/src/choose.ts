/** Which policy a pod runs by. */
import { compilePolicy } from './compile/compile.js';
import type { CompiledPolicy } from './policy.js';
import type { AuditPolicy } from './types.js';

export interface AgentPod {
  namespace: string;
  labels: Readonly<Record<string, string>>;
  /** Value of the annotation cairn.dev/policy. */
  policyAnnotation?: string;
}

export interface PolicyChoiceProblem {
  code: 'no-policy' | 'unknown-policy' | 'several-policies';
  /** A sentence that says how to mend it. */
  message: string;
}

export type PolicyChoice = { policy: CompiledPolicy; problem?: undefined } | { policy?: undefined; problem: PolicyChoiceProblem };

function names(policies: readonly AuditPolicy[]): string {
  return policies.map(({ metadata }) => metadata.name).join(', ');
}

function selects({ spec }: AuditPolicy, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(spec.selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

function refuse(code: PolicyChoiceProblem['code'], message: string): { problem: PolicyChoiceProblem } {
  return { problem: { code, message } };
}

/** By the pod's annotation, else by selector, among complete policies; one without a namespace counts as in `default`. */
export function choosePolicy(
  policies: readonly AuditPolicy[],
  { namespace, labels, policyAnnotation }: AgentPod,
): { policy: AuditPolicy; problem?: undefined } | { policy?: undefined; problem: PolicyChoiceProblem } {
  const here = policies.filter(({ metadata }) => (metadata.namespace ?? 'default') === namespace);
  if (policyAnnotation !== undefined) {
    const named = here.find(({ metadata }) => metadata.name === policyAnnotation);
    if (named) return { policy: named };
    const present = here.length === 0 ? 'it has none' : `it has ${names(here)}`;
    return refuse(
      'unknown-policy',
      `the annotation cairn.dev/policy names ${policyAnnotation}, which namespace ${namespace} lacks; ${present}.`,
    );
  }
  const [first, ...more] = here.filter((policy) => selects(policy, labels));
  if (!first) {
    return refuse(
      'no-policy',
      `no AuditPolicy of namespace ${namespace} selects the pod; add the annotation cairn.dev/policy or a policy whose selector matches its labels.`,
    );
  }
  if (more.length === 0) return { policy: first };
  return refuse(
    'several-policies',
    `several AuditPolicies of namespace ${namespace} select the pod (${names([first, ...more])}); name one by the annotation cairn.dev/policy.`,
  );
}

/** The same, compiled. */
export function policyFor(policies: readonly AuditPolicy[], pod: AgentPod): PolicyChoice {
  const { policy, problem } = choosePolicy(policies, pod);
  return policy ? { policy: compilePolicy(policy) } : { problem };
}
