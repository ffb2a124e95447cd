/**
 * Whether a policy of the fence, or its binding, still is what we render. What decides is compared, with the API's defaults
 * filled in on both sides (admissionregistration.k8s.io/v1); messages, annotations and status are nobody's business. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ApiObject } from '../../kubernetes/index.js';

export type FenceKind = 'ValidatingAdmissionPolicy' | 'ValidatingAdmissionPolicyBinding';

interface ResourceRule {
  apiGroups?: string[];
  apiVersions?: string[];
  resources?: string[];
  operations?: string[];
  resourceNames?: string[];
  scope?: string;
}

interface MatchResources {
  matchPolicy?: string;
  namespaceSelector?: object;
  objectSelector?: object;
  resourceRules?: ResourceRule[];
  excludeResourceRules?: ResourceRule[];
}

interface Expression {
  name?: string;
  expression: string;
}

/** A ValidatingAdmissionPolicy or a binding of one: those members that decide. */
export interface FenceObject extends ApiObject {
  spec?: {
    failurePolicy?: string;
    paramKind?: object;
    matchConstraints?: MatchResources;
    matchConditions?: Expression[];
    variables?: Expression[];
    validations?: Expression[];
    policyName?: string;
    paramRef?: object;
    matchResources?: MatchResources;
    validationActions?: string[];
  };
}

export interface FenceFact {
  kind: FenceKind;
  /** As this operator renders it. */
  expected: FenceObject;
  /** As the cluster has it; undefined: it has none of that name. */
  found: FenceObject | undefined;
}

function ruleOf({ apiGroups, apiVersions, resources, operations, resourceNames = [], scope = '*' }: ResourceRule): object {
  return { apiGroups, apiVersions, resources, operations, resourceNames, scope };
}

function matchOf(match: MatchResources = {}): object {
  const { matchPolicy = 'Equivalent', namespaceSelector = {}, objectSelector = {} } = match;
  const { resourceRules = [], excludeResourceRules = [] } = match;
  return {
    matchPolicy,
    namespaceSelector,
    objectSelector,
    resourceRules: resourceRules.map(ruleOf),
    excludeResourceRules: excludeResourceRules.map(ruleOf),
  };
}

function expressionsOf(list: readonly Expression[] = []): object[] {
  return list.map(({ name, expression }) => ({ name, expression }));
}

type Essence = Readonly<Record<string, unknown>>;

const ESSENCE: Readonly<Record<FenceKind, (spec: NonNullable<FenceObject['spec']>) => Essence>> = {
  ValidatingAdmissionPolicy: ({ failurePolicy = 'Fail', ...spec }) => ({
    failurePolicy,
    paramKind: spec.paramKind,
    matchConstraints: matchOf(spec.matchConstraints),
    matchConditions: expressionsOf(spec.matchConditions),
    variables: expressionsOf(spec.variables),
    validations: expressionsOf(spec.validations),
  }),
  ValidatingAdmissionPolicyBinding: ({ policyName, paramRef, matchResources, validationActions = [] }) => ({
    policyName,
    paramRef,
    matchResources: matchOf(matchResources),
    // Telling besides refusing weakens nothing.
    validationActions: validationActions.includes('Deny'),
  }),
};

/** Members of the spec that are not as we render them. */
export function changesOf(kind: FenceKind, expected: FenceObject, found: FenceObject): string[] {
  const [ours, theirs] = [expected, found].map(({ spec = {} }) => ESSENCE[kind](spec)) as [Essence, Essence];
  return Object.keys(ours).filter((member) => !isDeepStrictEqual(ours[member], theirs[member]));
}
