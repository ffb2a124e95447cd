/** Names that the operator, its chart and the cluster agree on. */

/** On every injected pod: the agent's name. */
export const AGENT_LABEL = 'cairn.dev/agent';
/** On a pod: the AuditPolicy that it asks for. */
export const POLICY_ANNOTATION = 'cairn.dev/policy';
/** On a pod: how its connections come to the sidecar. */
export const CAPTURE_ANNOTATION = 'cairn.dev/capture';
/** On a namespace, with the value `true`. */
export const ENROLL_LABEL = 'cairn.dev/enroll';
/** On a Service, by its owner: who may reach its pods. */
export const INGRESS_ANNOTATION = 'cairn.dev/ingress';
/** On the objects that the operator makes. */
export const MANAGED_BY = { label: 'app.kubernetes.io/managed-by', value: 'cairn-operator' } as const;
/** Pods of the operator, as the chart labels them. */
export const OPERATOR_PODS = { 'app.kubernetes.io/name': 'cairn', 'app.kubernetes.io/component': 'operator' } as const;
/** Pods of the gateway, as the chart labels them. */
export const GATEWAY_PODS = { 'app.kubernetes.io/name': 'cairn', 'app.kubernetes.io/component': 'gateway' } as const;
/** Service account of the gateway's pods, in the operator's namespace. */
export const GATEWAY_ACCOUNT = 'cairn-gateway';
/** Every namespace has it, with its own name. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';
/** Port of the token service and of what sidecars ask for. */
export const SERVICE_PORT = 8443;
