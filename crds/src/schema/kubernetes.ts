/** How agents reach the Kubernetes API where a policy does not say. */

/** Names that every API server's certificate bears, in the forms that clients use. */
export const KUBERNETES_HOSTS: readonly string[] = ['kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'kubernetes.default'];
/** Port of the Service `kubernetes`. */
export const KUBERNETES_PORT = 443;
