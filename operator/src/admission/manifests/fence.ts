/** ValidatingAdmissionPolicies: what holds with the operator stopped and with its webhooks removed. */
import { agentPods, ephemeralContainers, podUpdates } from './fence-pods.js';
import { isAgent, rule, type Fence, type FenceOptions } from './fence-terms.js';
import { ENROLL_LABEL, operatorUser } from './webhooks.js';

const isOperator = (namespace: string): string => `request.userInfo.username == '${operatorUser(namespace)}'`;
/** Deletes what a namespace leaves behind. */
const CLEANERS =
  "request.operation == 'DELETE' && request.userInfo.username in ['system:serviceaccount:kube-system:namespace-controller', 'system:serviceaccount:kube-system:generic-garbage-collector', 'system:kube-controller-manager']";

/** A Service is a way into the pods behind it as well. */
function connections({ namespace }: FenceOptions): Fence {
  return {
    name: 'cairn-connections',
    rules: [rule('', ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/proxy', 'services/proxy'], ['CONNECT'])],
    variables: [isAgent(namespace)],
    validations: [
      {
        expression: '!variables.agent',
        message: 'agents may not reach into pods, nor through Services by way of the API server; ask a person to debug',
      },
    ],
  };
}

function tokens({ namespace }: FenceOptions): Fence {
  return {
    name: 'cairn-tokens',
    rules: [rule('', ['serviceaccounts/token'], ['CREATE'])],
    variables: [isAgent(namespace)],
    validations: [
      { expression: '!variables.agent', message: 'agents may not request tokens of service accounts; their sidecar presents credentials' },
      {
        expression:
          "!has(object.spec.audiences) || !('cairn.dev' in object.spec.audiences) || 'system:nodes' in request.userInfo.groups || 'system:masters' in request.userInfo.groups",
        message: 'tokens for cairn.dev are for sidecars, and nodes alone request them',
      },
    ],
  };
}

function tokenSecrets({ namespace }: FenceOptions): Fence {
  return {
    name: 'cairn-token-secrets',
    rules: [rule('', ['secrets'], ['CREATE', 'UPDATE'])],
    variables: [isAgent(namespace)],
    validations: [
      {
        expression: "!variables.agent || !has(object.type) || object.type != 'kubernetes.io/service-account-token'",
        message: 'agents may not make Secrets that hold a token of a service account',
      },
    ],
  };
}

function operatorsOwn({ namespace }: FenceOptions): Fence {
  const name = "(request.operation == 'DELETE' ? oldObject.metadata.name : object.metadata.name)";
  return {
    name: 'cairn-own-objects',
    rules: [
      rule('networking.k8s.io', ['networkpolicies'], ['CREATE', 'UPDATE', 'DELETE']),
      rule('', ['configmaps'], ['CREATE', 'UPDATE', 'DELETE']),
    ],
    conditions: [
      { name: 'ours', expression: `request.resource.resource == 'configmaps' ? ${name} == 'cairn-ca' : ${name}.startsWith('cairn-')` },
    ],
    validations: [
      {
        expression: `${isOperator(namespace)} || (${CLEANERS})`,
        message: 'this object is part of the fence around agents, and the operator alone changes it',
      },
    ],
  };
}

/** NetworkPolicies add up: what one allows, no other takes back. */
function egress({ namespace }: FenceOptions): Fence {
  const enrolls = "authorizer.group('cairn.dev').resource('namespaces').name(request.namespace).check('enroll').allowed()";
  return {
    name: 'cairn-egress',
    rules: [rule('networking.k8s.io', ['networkpolicies'], ['CREATE', 'UPDATE'])],
    conditions: [{ name: 'opens', expression: 'has(object.spec) && has(object.spec.egress) && object.spec.egress.size() > 0' }],
    validations: [
      {
        expression: `${isOperator(namespace)} || ${enrolls}`,
        message:
          'a NetworkPolicy with egress rules would open the fence around agents: declare a target in an AuditPolicy instead; it needs the verb enroll on namespaces.cairn.dev',
      },
    ],
  };
}

/** RBAC has the say: the verb `enroll` on `namespaces.cairn.dev`, which wildcards include. */
function enrolment(): Fence {
  const label = (object: string): string =>
    `(has(${object}.metadata.labels) && '${ENROLL_LABEL}' in ${object}.metadata.labels ? ${object}.metadata.labels['${ENROLL_LABEL}'] : '')`;
  return {
    name: 'cairn-enrolment',
    everywhere: true,
    rules: [rule('', ['namespaces'], ['UPDATE'])],
    conditions: [{ name: 'changes-enrolment', expression: `${label('object')} != ${label('oldObject')}` }],
    validations: [
      {
        expression: "authorizer.group('cairn.dev').resource('namespaces').name(object.metadata.name).check('enroll').allowed()",
        message: `the label ${ENROLL_LABEL} takes the fence around agents up and down; it needs the verb enroll on namespaces.cairn.dev`,
      },
    ],
  };
}

/** Records are the operator's. Restoring a backup takes the verb `restore`, which wildcards include. */
function records({ namespace }: FenceOptions): Fence {
  const allowed = `${isOperator(namespace)} || authorizer.group('cairn.dev').resource(request.resource.resource).namespace(request.namespace).check('restore').allowed()`;
  return {
    name: 'cairn-records',
    everywhere: true,
    rules: [
      rule('cairn.dev', ['agentlaunches', 'approvals', 'auditstreams'], ['CREATE']),
      rule('cairn.dev', ['auditstreams'], ['UPDATE']),
      rule('cairn.dev', ['agentlaunches/status', 'approvals/status', 'auditstreams/status'], ['UPDATE']),
    ],
    validations: [{ expression: allowed, message: 'the operator alone writes records; restoring a backup needs the verb restore' }],
  };
}

function policyOf(fence: Fence): object {
  const { name, rules, everywhere, conditions, variables, validations } = fence;
  const selector = everywhere ? {} : { namespaceSelector: { matchLabels: { [ENROLL_LABEL]: 'true' } } };
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { matchPolicy: 'Equivalent', ...selector, resourceRules: rules },
      ...(conditions ? { matchConditions: conditions } : {}),
      ...(variables ? { variables } : {}),
      validations: validations.map((each) => ({ ...each, reason: 'Forbidden' })),
    },
  };
}

const bindingOf = ({ name }: Fence): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name },
  spec: { policyName: name, validationActions: ['Deny'] },
});

/** The policies, each with its binding. */
export function fencePolicies(options: FenceOptions): object[] {
  const fences = [
    agentPods(options),
    podUpdates(),
    ephemeralContainers(options),
    connections(options),
    tokens(options),
    tokenSecrets(options),
    operatorsOwn(options),
    egress(options),
    enrolment(),
    records(options),
  ];
  return fences.flatMap((fence) => [policyOf(fence), bindingOf(fence)]);
}
