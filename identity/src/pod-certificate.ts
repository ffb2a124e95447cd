/**
 * What the certificate of a pod binds it to, as the URI among its alternative names (a SPIFFE ID). The token service issues
 * such certificates to sidecars; the gateway takes nobody else's connections.
 */
import type { PodReference } from './types.js';

export interface PodBinding {
  pod: PodReference;
  /** Name of the agent in the pod's namespace. */
  agent: string;
  /** Name of the AuditPolicy that the pod runs by. */
  policy: string;
  /** Where the cluster says it. */
  node?: string;
}

const TRUST_DOMAIN = 'spiffe://cairn.dev';
/** Characters of one path segment (SPIFFE ID 2.2); names of Kubernetes objects have no others. */
const SEGMENT = '([A-Za-z0-9._-]{1,253})';
const URI = new RegExp(
  `^${TRUST_DOMAIN}/ns/${SEGMENT}/agent/${SEGMENT}/policy/${SEGMENT}/pod/${SEGMENT}/uid/${SEGMENT}(?:/node/${SEGMENT})?$`,
);

export function podUri({ pod, agent, policy, node }: PodBinding): string {
  const uri = `${TRUST_DOMAIN}/ns/${pod.namespace}/agent/${agent}/policy/${policy}/pod/${pod.name}/uid/${pod.uid}`;
  return node === undefined ? uri : `${uri}/node/${node}`;
}

/** undefined: not the URI of a pod. */
export function readPodUri(uri: string): PodBinding | undefined {
  const [, namespace, agent, policy, name, uid, node] = URI.exec(uri) ?? [];
  if (!namespace || !agent || !policy || !name || !uid) return undefined;
  return { pod: { namespace, name, uid }, agent, policy, ...(node ? { node } : {}) };
}

/** RFC 8693 calls on behalf: of which agent a gateway asks, `namespace/name`. */
export const ON_BEHALF_OF = 'cairn-on-behalf-of';
