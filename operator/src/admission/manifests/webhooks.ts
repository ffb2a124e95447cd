/** The webhook configurations: what the API server asks us about, and what it does when nobody answers. */
import { REFERENCE_ANNOTATION } from '@cairn/audit';
import { ADMISSION_PATHS } from '../server.js';

export interface WebhookOptions {
  /** Name of both configurations. */
  name: string;
  /** Namespace of the installation, which is exempt. */
  namespace: string;
  /** Where a path of ours is served. */
  client: (path: string) => object;
  /** Rules for the resources of trusted frameworks. */
  frameworks: readonly object[];
}

export const ENROLL_LABEL = 'cairn.dev/enroll';
/** What the API server waits for an answer, seconds: short, because it holds somebody's request. */
const TIMEOUT_SECONDS = 5;

const rule = (apiGroup: string, apiVersion: string, resources: readonly string[], operations: readonly string[]): object => ({
  apiGroups: [apiGroup],
  apiVersions: [apiVersion],
  resources,
  operations,
});

const PODS = rule('', 'v1', ['pods'], ['CREATE']);
const EPHEMERAL = rule('', 'v1', ['pods/ephemeralcontainers'], ['UPDATE']);
const WORKLOADS = [
  rule('', 'v1', ['replicationcontrollers'], ['CREATE', 'UPDATE']),
  rule('apps', 'v1', ['deployments', 'replicasets', 'statefulsets', 'daemonsets'], ['CREATE', 'UPDATE']),
  rule('batch', 'v1', ['jobs', 'cronjobs'], ['CREATE', 'UPDATE']),
];

/** Neither kube-system nor our own namespace may hang on us: without them nothing that is broken comes back. */
const inNamespaces = (operator: 'In' | 'NotIn', namespace: string): object => ({
  matchExpressions: [
    { key: ENROLL_LABEL, operator, values: ['true'] },
    { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', namespace] },
  ],
});

/** Outside enrolled namespaces, only pods whose template asks are anybody's business. */
const ASKS = [
  "has(object.metadata.annotations) && 'cairn.dev/inject' in object.metadata.annotations",
  "has(object.spec.template) && has(object.spec.template.metadata) && has(object.spec.template.metadata.annotations) && 'cairn.dev/inject' in object.spec.template.metadata.annotations",
  "has(object.spec.jobTemplate) && has(object.spec.jobTemplate.spec.template.metadata) && has(object.spec.jobTemplate.spec.template.metadata.annotations) && 'cairn.dev/inject' in object.spec.jobTemplate.spec.template.metadata.annotations",
  // A serving agent's sidecar says for whom an object is, and what it says is taken off again.
  `has(object.metadata.annotations) && '${REFERENCE_ANNOTATION}' in object.metadata.annotations`,
].map((each) => `(${each})`);

const common = (path: string, { client }: WebhookOptions): object => ({
  admissionReviewVersions: ['v1'],
  clientConfig: client(path),
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  // An Event is all that is done beside answering, and not for a dry run.
  sideEffects: 'NoneOnDryRun',
  timeoutSeconds: TIMEOUT_SECONDS,
});

const configuration = (kind: string, { name }: WebhookOptions, webhooks: readonly object[]): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  metadata: { name },
  webhooks,
});

const ours = (resources: readonly string[], operations: readonly string[]): object => rule('cairn.dev', 'v1alpha1', resources, operations);

function mutating(options: WebhookOptions): object {
  const { namespace, frameworks } = options;
  return configuration('MutatingWebhookConfiguration', options, [
    {
      name: 'enrolled.cairn.dev',
      ...common(ADMISSION_PATHS.mutateEnrolled, options),
      reinvocationPolicy: 'IfNeeded',
      namespaceSelector: inNamespaces('In', namespace),
      rules: [PODS, EPHEMERAL, ...WORKLOADS, ...frameworks],
    },
    {
      name: 'asked.cairn.dev',
      ...common(ADMISSION_PATHS.mutateAsked, options),
      reinvocationPolicy: 'IfNeeded',
      namespaceSelector: inNamespaces('NotIn', namespace),
      matchConditions: [{ name: 'asks', expression: ASKS.join(' || ') }],
      rules: [PODS, ...WORKLOADS],
    },
    {
      name: 'decisions.cairn.dev',
      ...common(ADMISSION_PATHS.mutateResources, options),
      reinvocationPolicy: 'Never',
      matchConditions: [{ name: 'not-the-operator', expression: `request.userInfo.username != '${operatorUser(namespace)}'` }],
      rules: [ours(['approvals', 'agentlaunches'], ['UPDATE'])],
    },
  ]);
}

function validating(options: WebhookOptions): object {
  return configuration('ValidatingWebhookConfiguration', options, [
    {
      name: 'enrolled.cairn.dev',
      ...common(ADMISSION_PATHS.validateEnrolled, options),
      namespaceSelector: inNamespaces('In', options.namespace),
      rules: [rule('', 'v1', ['pods'], ['CREATE', 'UPDATE']), EPHEMERAL],
    },
    {
      name: 'declarations.cairn.dev',
      ...common(ADMISSION_PATHS.validateResources, options),
      rules: [ours(['auditpolicies', 'identityproviders', 'approvals'], ['CREATE', 'UPDATE'])],
    },
  ]);
}

export function operatorUser(namespace: string): string {
  return `system:serviceaccount:${namespace}:cairn-operator`;
}

/** The mutating and the validating configuration. */
export function webhookConfigurations(options: WebhookOptions): object[] {
  return [mutating(options), validating(options)];
}
