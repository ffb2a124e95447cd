/** The words that the fence's policies are made of. */
import { SIDECAR_UIDS } from '../../inject/index.js';

export interface FenceOptions {
  /** Namespace of the installation. */
  namespace: string;
  sidecarImage: string;
  operatorUrl: string;
}

export interface Rule {
  apiGroups: readonly string[];
  apiVersions: readonly string[];
  resources: readonly string[];
  operations: readonly string[];
}

export interface Fence {
  name: string;
  rules: readonly Rule[];
  /** Everywhere, instead of in enrolled namespaces. */
  everywhere?: true;
  conditions?: readonly { name: string; expression: string }[];
  variables?: readonly { name: string; expression: string }[];
  validations: readonly { expression: string; message: string }[];
}

export const rule = (apiGroup: string, resources: readonly string[], operations: readonly string[]): Rule => ({
  apiGroups: [apiGroup],
  apiVersions: ['*'],
  resources,
  operations,
});

/** UIDs that only sidecars have. */
export const isSidecarUid = (uid: string): string =>
  `(${uid} >= ${SIDECAR_UIDS.first} && ${uid} < ${SIDECAR_UIDS.first + SIDECAR_UIDS.count})`;

/** Whether an agent may be asking: a service account of the namespace, or one whose token is bound to a pod, but none of the cluster's own. */
export const isAgent = (namespace: string): { name: string; expression: string } => ({
  name: 'agent',
  expression: [
    "request.userInfo.username.startsWith('system:serviceaccount:')",
    "!request.userInfo.username.startsWith('system:serviceaccount:kube-system:')",
    `!request.userInfo.username.startsWith('system:serviceaccount:${namespace}:')`,
    "(request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':') || (has(request.userInfo.extra) && 'authentication.kubernetes.io/pod-uid' in request.userInfo.extra))",
  ].join(' && '),
});
