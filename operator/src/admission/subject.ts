/** An object under admission, with what its namespace and policy say of it. */
import { choosePolicy, type AuditPolicySpec } from '@cairn/crds';
import {
  GRANT_ANNOTATION,
  ownerName,
  templateAt,
  templatePath,
  withTemplate,
  type InjectContext,
  type KubernetesObject,
  type PodSecurityLevel,
  type PodTemplate,
} from '../inject/index.js';
import { callerOf, type Caller } from '../lineage/index.js';
import type { AdmissionOptions } from './options.js';
import type { AdmissionRequest, GroupVersionKind } from './review.js';

const GROUPS = new Set(['', 'apps', 'batch']);

/** Path of the pod template in a kind of Kubernetes' own; undefined in a framework's. */
export function pathOf({ group, kind }: GroupVersionKind): readonly string[] | undefined {
  return GROUPS.has(group) ? templatePath(kind) : undefined;
}

export interface Subject {
  object: KubernetesObject;
  namespace: string;
  path: readonly string[] | undefined;
  /** Where labels and annotations of the pods stand: the template's, or a framework's resource's own. */
  metadata: NonNullable<PodTemplate['metadata']>;
  caller: Caller;
  /** The agent's name where neither annotation nor grant say one. */
  fallback: string;
}

/** Throws LineageRefusal. */
export function subjectOf(request: AdmissionRequest, object: KubernetesObject, options: AdmissionOptions): Subject {
  const path = pathOf(request.kind);
  const template = path && templateAt(object, path);
  return {
    object,
    namespace: request.namespace,
    path,
    metadata: (path ? template?.metadata : object.metadata) ?? {},
    caller: callerOf(request.user, options.cluster, options.trusted),
    fallback: ownerName(object),
  };
}

export type ChosenPolicy = { spec: AuditPolicySpec } | { problem: { code: string; message: string } };

export function policyOf({ metadata, namespace }: Pick<Subject, 'metadata' | 'namespace'>, options: AdmissionOptions): ChosenPolicy {
  const named = metadata.annotations?.['cairn.dev/policy'];
  const pod = { namespace, labels: metadata.labels ?? {}, ...(named === undefined ? {} : { policyAnnotation: named }) };
  const { policy, problem } = choosePolicy(options.cluster.policies(namespace), pod);
  return policy ? { spec: policy.spec } : { problem };
}

const LEVELS: readonly PodSecurityLevel[] = ['privileged', 'baseline', 'restricted'];

/** What injection into this namespace goes by. */
export function injectContext(namespace: string, enrolled: boolean, options: AdmissionOptions): InjectContext {
  const { cluster, settings } = options;
  const kubernetes = cluster.version();
  const enforced = cluster.namespaceLabels(namespace)?.['pod-security.kubernetes.io/enforce'];
  const podSecurity = LEVELS.find((level) => level === enforced);
  return {
    policies: cluster.policies(namespace),
    settings: settings(),
    enrolled,
    namespace,
    ...(kubernetes ? { kubernetes } : {}),
    ...(podSecurity ? { podSecurity } : {}),
  };
}

export function grantOn({ annotations }: Subject['metadata']): string | undefined {
  return annotations?.[GRANT_ANNOTATION];
}

/** The object with that grant on its pods' template, or with none. */
export function withGrant({ object, path, metadata }: Subject, grant: string | undefined): KubernetesObject {
  const { [GRANT_ANNOTATION]: _, ...others } = metadata.annotations ?? {};
  if (grant === undefined && metadata.annotations === undefined) return object;
  const annotations = grant === undefined ? others : { ...others, [GRANT_ANNOTATION]: grant };
  const stamped = { ...metadata, annotations };
  if (!path) return { ...object, metadata: stamped };
  return withTemplate(object, path, { ...templateAt(object, path), metadata: stamped });
}
