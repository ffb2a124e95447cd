/** Which NetworkPolicies an enrolled namespace is to have, and what they cannot say. Pure. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { AuditPolicy } from '@cairn/crds';
import type { NetworkPolicy, NetworkPolicySpec, Observation } from '../../kubernetes/index.js';
import { AGENT_LABEL, GATEWAY_PODS, MANAGED_BY, NAMESPACE_NAME_LABEL, OPERATOR_PODS, SERVICE_PORT } from '../../names.js';
import { PUBLIC_BLOCKS } from './addresses.js';
import { destinationOf, type Cluster, type Destination } from './destination.js';
import { NAME_CHARACTERS, NAMES_SHOWN_COUNT } from './limits.js';

export const DEFAULT_DENY = 'cairn-default-deny';
export const GATEWAY_TARGETS = 'cairn-gateway-targets';
const PREFIX = 'cairn-agents-';

type EgressRule = NonNullable<NetworkPolicySpec['egress']>[number];

export interface NamespaceView {
  namespace: string;
  enrolled: boolean;
  policies: readonly AuditPolicy[];
  /** Agents that name each policy by annotation although its selector does not take them. */
  namedBy: ReadonlyMap<string, readonly string[]>;
  cluster: Cluster;
  operatorNamespace: string;
  /** Port of the gateway's pods; undefined: none is installed. */
  gatewayPort: number | undefined;
  brokers: readonly { host: string; port: number }[];
}

export interface Fence {
  networkPolicies: NetworkPolicy[];
  /** What the fence of each policy is like, by its name. */
  observations: ReadonlyMap<string, Observation>;
}

export function inNamespace(name: string): { matchLabels: Record<string, string> } {
  return { matchLabels: { [NAMESPACE_NAME_LABEL]: name } };
}

const DNS: EgressRule = {
  to: [{ namespaceSelector: inNamespace('kube-system'), podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
  ports: [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ],
};

function operatorRule(namespace: string): EgressRule {
  return {
    to: [{ namespaceSelector: inNamespace(namespace), podSelector: { matchLabels: { ...OPERATOR_PODS } } }],
    ports: [{ port: SERVICE_PORT, protocol: 'TCP' }],
  };
}

/** Of policies with egress Gateway: the gateway is all that agents reach. */
function gatewayRule({ operatorNamespace, gatewayPort }: NamespaceView): EgressRule | undefined {
  if (gatewayPort === undefined) return undefined;
  return {
    to: [{ namespaceSelector: inNamespace(operatorNamespace), podSelector: { matchLabels: { ...GATEWAY_PODS } } }],
    ports: [{ port: gatewayPort, protocol: 'TCP' }],
  };
}

function ruleOf(destination: Destination): EgressRule | undefined {
  switch (destination.kind) {
    case 'pods': {
      const { namespace, labels, port } = destination;
      return {
        to: [{ namespaceSelector: inNamespace(namespace), podSelector: { matchLabels: labels } }],
        ports: [{ port, protocol: 'TCP' }],
      };
    }
    case 'addresses':
      return { to: destination.blocks.map((ipBlock) => ({ ipBlock })), ports: [{ port: destination.port, protocol: 'TCP' }] };
    case 'public':
      return { to: PUBLIC_BLOCKS.map((ipBlock) => ({ ipBlock })), ports: [{ port: destination.port, protocol: 'TCP' }] };
    case 'closed':
      return undefined;
    default:
      return destination satisfies never;
  }
}

interface Declared {
  target: string;
  host: string;
  port: number;
  destination: Destination;
}

function declared(policy: AuditPolicy, { namespace, cluster }: NamespaceView): Declared[] {
  return policy.spec.targets.flatMap(({ name, hosts, port }) =>
    hosts.map((host) => ({ target: name, host, port, destination: destinationOf(host, port, namespace, cluster) })),
  );
}

function unique(rules: readonly (EgressRule | undefined)[]): EgressRule[] {
  const found: EgressRule[] = [];
  for (const rule of rules) if (rule && !found.some((each) => isDeepStrictEqual(each, rule))) found.push(rule);
  return found;
}

/** Where evidence is shipped to. */
function brokerRules({ brokers, operatorNamespace, cluster }: NamespaceView): (EgressRule | undefined)[] {
  return brokers.map(({ host, port }) => ruleOf(destinationOf(host, port, operatorNamespace, cluster)));
}

function egressOf(policy: AuditPolicy, view: NamespaceView, all: readonly Declared[]): EgressRule[] {
  const always = [DNS, operatorRule(view.operatorNamespace), ...brokerRules(view)];
  if (policy.spec.egress === 'Gateway') return unique([...always, gatewayRule(view)]);
  // What the policy lets pass to anywhere the fence must not stop.
  if (policy.spec.undeclared === 'Record') return [{}];
  return unique([...always, ...all.map(({ destination }) => ruleOf(destination))]);
}

/**
 * The ways that the gateway's pods need: to the targets of every policy that hands over to them, in enrolled namespaces, and to where
 * they ship evidence, which they have for a while after the last of these policies is gone. `own`: the namespace that they are in.
 */
export function gatewayFence(views: readonly NamespaceView[], own: NamespaceView): NetworkPolicy[] {
  const handingOver = views.flatMap((view) =>
    view.policies.filter(({ spec }) => view.enrolled && spec.egress === 'Gateway').map((policy) => ({ view, policy })),
  );
  if (handingOver.length === 0 && own.brokers.length === 0) return [];
  const open = handingOver.some(({ policy }) => policy.spec.undeclared === 'Record');
  const rules = handingOver.flatMap(({ view, policy }) => declared(policy, view).map(({ destination }) => ruleOf(destination)));
  rules.push(...brokerRules(own));
  const spec = { podSelector: { matchLabels: { ...GATEWAY_PODS } }, policyTypes: ['Egress'], egress: open ? [{}] : unique(rules) };
  return [networkPolicy(own.namespace, GATEWAY_TARGETS, spec)];
}

function shown(names: readonly string[]): string {
  const more = names.length > NAMES_SHOWN_COUNT ? ` and ${names.length - NAMES_SHOWN_COUNT} more` : '';
  return `${names.slice(0, NAMES_SHOWN_COUNT).join(', ')}${more}`;
}

function observe(policy: AuditPolicy, { enrolled, gatewayPort }: NamespaceView, all: readonly Declared[]): Observation {
  const type = 'Fenced';
  const said = (status: Observation['status'], reason: string, message: string): Observation => ({ type, status, reason, message });
  if (!enrolled) return said('False', 'NotEnrolled', 'The namespace has no label cairn.dev/enroll=true: its egress is open.');
  const strict = policy.spec.egress === 'Gateway';
  if (strict && gatewayPort === undefined) {
    return said('False', 'NoGateway', 'egress is Gateway and none is installed (gateway.enabled of the chart): agents reach no target.');
  }
  if (policy.spec.undeclared === 'Record' && !strict) {
    return said('False', 'EgressOpen', 'undeclared is Record: agents may reach any address, by way of their sidecars alone.');
  }
  const closed = all.flatMap(({ target, destination }) => (destination.kind === 'closed' ? [`${target}: ${destination.message}`] : []));
  if (closed.length > 0) return said('False', 'TargetsClosed', `No way leads to ${shown(closed)}.`);
  if (strict) return said('True', 'GatewayOnly', 'Agents reach the gateway, DNS, the operator and Kafka alone.');
  const open = all.filter(({ destination }) => destination.kind === 'public').map(({ host, port }) => `${host}:${port}`);
  if (open.length === 0) return said('True', 'TargetsOnly', 'Agents reach the declared targets, DNS, the operator and Kafka alone.');
  const message = `A NetworkPolicy cannot name hosts: for ${shown(open)} the port is open to every public address. The sidecar still passes the declared hosts alone. A name of a private address stays closed; declare the address.`;
  return said('True', 'PublicPorts', message);
}

export function fenceName(policy: string): string {
  return shortened(PREFIX + policy);
}

/** Every name fits, and long ones stay apart. */
export function shortened(name: string): string {
  if (name.length <= NAME_CHARACTERS) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.slice(0, NAME_CHARACTERS - 17)}-${hash}`;
}

export function networkPolicy(namespace: string, name: string, spec: NetworkPolicySpec): NetworkPolicy {
  return { metadata: { name, namespace, labels: { [MANAGED_BY.label]: MANAGED_BY.value } }, spec };
}

export function agentPods(policy: AuditPolicy): NetworkPolicySpec['podSelector'] {
  const { matchLabels } = policy.spec.selector;
  const labels = matchLabels && Object.keys(matchLabels).length > 0 ? { matchLabels } : {};
  return { ...labels, matchExpressions: [{ key: AGENT_LABEL, operator: 'Exists' }] };
}

/** Agents that name a policy by annotation, which no selector sees: by their own names. */
export function namedAgents(agents: readonly string[]): NetworkPolicySpec['podSelector'] {
  return { matchExpressions: [{ key: AGENT_LABEL, operator: 'In', values: agents.toSorted() }] };
}

export function fenceOf(view: NamespaceView): Fence {
  const { namespace, enrolled, policies, namedBy } = view;
  const observations = new Map<string, Observation>();
  const networkPolicies: NetworkPolicy[] = [];
  if (enrolled) networkPolicies.push(networkPolicy(namespace, DEFAULT_DENY, { podSelector: {}, policyTypes: ['Egress'] }));
  for (const policy of policies) {
    const { name } = policy.metadata;
    const all = declared(policy, view);
    observations.set(name, observe(policy, view, all));
    if (!enrolled) continue;
    const egress = egressOf(policy, view, all);
    networkPolicies.push(networkPolicy(namespace, fenceName(name), { podSelector: agentPods(policy), policyTypes: ['Egress'], egress }));
    const agents = namedBy.get(name) ?? [];
    if (agents.length === 0) continue;
    const podSelector = namedAgents(agents);
    networkPolicies.push(networkPolicy(namespace, fenceName(`${name}.named`), { podSelector, policyTypes: ['Egress'], egress }));
  }
  return { networkPolicies, observations };
}
