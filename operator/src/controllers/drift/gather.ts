/** What the drift watchdog keeps in memory: each policy of the fence and each binding, by name, beside what it has to be. */
import { fencePolicies, type FenceOptions } from '../../admission/index.js';
import { Reflector, type KubernetesClient, type ReflectorOptions, type ReflectorStatus, type Resource } from '../../kubernetes/index.js';
import type { FenceFact, FenceKind, FenceObject } from './fence.js';

const admission = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false } as const;
export const FENCE: Readonly<Record<FenceKind, Resource<FenceObject>>> = {
  ValidatingAdmissionPolicy: { ...admission, plural: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy' },
  ValidatingAdmissionPolicyBinding: {
    ...admission,
    plural: 'validatingadmissionpolicybindings',
    kind: 'ValidatingAdmissionPolicyBinding',
  },
};

export interface FencePart {
  readonly kind: FenceKind;
  readonly expected: FenceObject;
  /** Of this one object: rights by name reach no further. */
  readonly cache: Reflector<FenceObject>;
}

/** What is to be kept in memory of the fence that these options render. */
export function fenceParts(
  client: KubernetesClient,
  options: FenceOptions,
  log: ReflectorOptions<FenceObject>['log'] & object,
): FencePart[] {
  return (fencePolicies(options) as FenceObject[]).map((expected) => {
    const kind = expected.kind as FenceKind;
    const fieldSelector = `metadata.name=${expected.metadata.name}`;
    return { kind, expected, cache: new Reflector(client, FENCE[kind], { fieldSelector, log }) };
  });
}

export function fenceFacts(parts: readonly FencePart[]): FenceFact[] {
  return parts.map(({ kind, expected, cache }) => ({ kind, expected, found: cache.store.get({ name: expected.metadata.name! }) }));
}

/** All of them as one: it is as stale as its stalest part. */
export function fenceStatus(parts: readonly FencePart[]): ReflectorStatus {
  const sum = (value: (cache: ReflectorStatus) => number): number => parts.reduce((total, { cache }) => total + value(cache), 0);
  return {
    store: {
      get size() {
        return sum(({ store }) => store.size);
      },
    },
    counts: {
      get lists() {
        return sum(({ counts }) => counts.lists);
      },
      get watches() {
        return sum(({ counts }) => counts.watches);
      },
      get failures() {
        return sum(({ counts }) => counts.failures);
      },
    },
    get synced() {
      return parts.every(({ cache }) => cache.synced);
    },
    get stalenessSeconds() {
      return Math.max(...parts.map(({ cache }) => cache.stalenessSeconds));
    },
  };
}
