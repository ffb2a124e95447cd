/** The resources that the operator reads and writes, with the types of their objects as JSON carries them. */
import type * as k8s from '@kubernetes/client-node';
import type { AuditPolicySpec, IdentityProvider as ProviderObject } from '@cairn/crds';
import type { Condition } from './conditions.js';
import type { ApiObject, Resource } from './resource.js';

/** The client's own types are classes, and name times as Date. */
type Json<T> = T extends Date ? string : T extends (infer U)[] ? Json<U>[] : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Typed<T> = ApiObject & Omit<Json<T>, keyof ApiObject>;

export type Pod = Typed<k8s.V1Pod>;
export type Namespace = Typed<k8s.V1Namespace>;
export type Service = Typed<k8s.V1Service>;
export type Secret = Typed<k8s.V1Secret>;
export type ConfigMap = Typed<k8s.V1ConfigMap>;
export type EndpointSlice = Typed<k8s.V1EndpointSlice>;
/** The client's classes call `from` otherwise than JSON does. */
interface NetworkPolicyIngressRule {
  from?: Json<k8s.V1NetworkPolicyPeer>[];
  ports?: Json<k8s.V1NetworkPolicyPort>[];
}
export type NetworkPolicySpec = Omit<Json<k8s.V1NetworkPolicySpec>, 'ingress'> & { ingress?: NetworkPolicyIngressRule[] };
export type NetworkPolicy = Omit<Typed<k8s.V1NetworkPolicy>, 'spec'> & { spec?: NetworkPolicySpec };

interface ObservedStatus {
  observedGeneration?: number;
  conditions?: Condition[];
}

/** As stored: what users left out is absent where the API server has no default for it; see completed policies of @cairn/crds. */
export interface StoredPolicy extends ApiObject {
  spec: Partial<AuditPolicySpec>;
  /** `lastValid`: a spec, complete, as JSON. */
  status?: ObservedStatus & { lastValid?: string };
}

export interface StoredProvider extends ApiObject {
  spec: Partial<ProviderObject['spec']>;
  /** `lastFetched`: RFC 3339. */
  status?: ObservedStatus & { lastFetched?: string };
}

const core = { group: '', version: 'v1' } as const;
const cairn = { group: 'cairn.dev', version: 'v1alpha1' } as const;

export const PODS: Resource<Pod> = { ...core, plural: 'pods', kind: 'Pod', namespaced: true };
export const NAMESPACES: Resource<Namespace> = { ...core, plural: 'namespaces', kind: 'Namespace', namespaced: false };
export const SERVICES: Resource<Service> = { ...core, plural: 'services', kind: 'Service', namespaced: true };
export const SECRETS: Resource<Secret> = { ...core, plural: 'secrets', kind: 'Secret', namespaced: true };
export const CONFIG_MAPS: Resource<ConfigMap> = { ...core, plural: 'configmaps', kind: 'ConfigMap', namespaced: true };
export const ENDPOINT_SLICES: Resource<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
};
export const NETWORK_POLICIES: Resource<NetworkPolicy> = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
  kind: 'NetworkPolicy',
  namespaced: true,
};

export const AUDIT_POLICIES: Resource<StoredPolicy> = { ...cairn, plural: 'auditpolicies', kind: 'AuditPolicy', namespaced: true };
export const IDENTITY_PROVIDERS: Resource<StoredProvider> = {
  ...cairn,
  plural: 'identityproviders',
  kind: 'IdentityProvider',
  namespaced: false,
};
