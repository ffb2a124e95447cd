/** When the operator has done its part, by what the API server holds. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Api } from './api.js';
import type { Cluster, PolicyKey } from './cluster.js';

export const AUDIT_POLICIES = '/apis/cairn.dev/v1alpha1/auditpolicies';
const NETWORK_POLICIES = '/apis/networking.k8s.io/v1/networkpolicies?labelSelector=app.kubernetes.io/managed-by=cairn-operator';
/** One of each controller that says something of a policy. */
const CONDITIONS = ['Ready', 'Selecting', 'Fenced'];
const TIMEOUT_MS = 300_000;
/** Lists take the API server's time, which the operator waits for. */
const LIST_POLL_MS = 250;
const GET_POLL_MS = 5;

interface Stored {
  metadata: { name: string; namespace: string };
}
interface Policy {
  metadata: { generation: number };
  status?: { conditions?: { type: string; status: string; observedGeneration?: number }[] };
}
interface List<T> {
  items: T[];
}

export const pathOf = ({ namespace, name }: PolicyKey): string =>
  AUDIT_POLICIES.replace('auditpolicies', `namespaces/${namespace}/auditpolicies/${name}`);

function isCurrent({ metadata, status }: Policy): boolean {
  const current = (type: string) => status?.conditions?.find((each) => each.type === type)?.observedGeneration === metadata.generation;
  return CONDITIONS.every(current);
}

export async function until(what: string, pollMs: number, done: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${TIMEOUT_MS / 1000} s`);
    await delay(pollMs);
  }
}

/** The API server takes pods in every namespace: its default service account is there. */
export function untilUsable(api: Api, namespaces: readonly string[]): Promise<void> {
  return until('service accounts of every namespace', LIST_POLL_MS, async () => {
    const { items } = await api.get<List<Stored>>('/api/v1/serviceaccounts?fieldSelector=metadata.name=default');
    const found = new Set(items.map(({ metadata }) => metadata.namespace));
    return namespaces.every((each) => found.has(each));
  });
}

/** Every policy has its conditions, at its present generation. */
export function untilObserved(api: Api, count: number): Promise<void> {
  return until('conditions of every policy', LIST_POLL_MS, async () => {
    const { items } = await api.get<List<Policy>>(AUDIT_POLICIES);
    return items.length === count && items.every(isCurrent);
  });
}

/** Every namespace is closed, and every policy has its way out. */
export function untilFenced(api: Api, { namespaces, policies }: Cluster): Promise<void> {
  const wanted = [
    ...namespaces.map((namespace) => `${namespace}/cairn-default-deny`),
    ...policies.map(({ namespace, name }) => `${namespace}/cairn-agents-${name}`),
  ];
  return until('NetworkPolicies of every namespace', LIST_POLL_MS, async () => {
    const { items } = await api.get<List<Stored>>(NETWORK_POLICIES);
    const found = new Set(items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
    return wanted.every((each) => found.has(each));
  });
}

export function untilCurrent(api: Api, key: PolicyKey): Promise<void> {
  return until(`conditions of ${key.name}`, GET_POLL_MS, async () => isCurrent(await api.get<Policy>(pathOf(key))));
}

/** Agents' pods in a replica's memory, by its metrics at `adminUrl`. */
export async function podsInMemory(adminUrl: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const value = /^cairn_operator_cache_objects\{resource="pods"\} (\d+)$/m.exec(text)?.[1];
  if (value === undefined) throw new Error('the operator has no metric cairn_operator_cache_objects of pods');
  return Number(value);
}
