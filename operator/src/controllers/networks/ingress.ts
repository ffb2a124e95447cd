/** The target's side of the fence: which agents reach the pods of Services whose owners asked for it. Pure. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { AuditPolicy } from '@cairn/crds';
import type { NetworkPolicy, NetworkPolicySpec, Service } from '../../kubernetes/index.js';
import { AGENT_LABEL, ENROLL_LABEL, GATEWAY_PODS, INGRESS_ANNOTATION } from '../../names.js';
import { agentPods, inNamespace, namedAgents, networkPolicy, shortened, type NamespaceView } from './decide.js';
import { destinationOf, type Destination, type Port } from './destination.js';
import { PEERS_COUNT } from './limits.js';

const PREFIX = 'cairn-ingress-';
/** The annotation's one value. */
const AGENTS = 'agents';

type IngressRule = NonNullable<NetworkPolicySpec['ingress']>[number];
type Peer = NonNullable<IngressRule['from']>[number];
type Labels = Readonly<Record<string, string>>;

export interface IngressView {
  /** Services of one namespace whose owners wrote the annotation. */
  services: readonly Service[];
  /** Every enrolled namespace that has policies. In any other the label of agents is anybody's to write. */
  enrolled: readonly Pick<NamespaceView, 'namespace' | 'policies' | 'namedBy'>[];
  /** Kafka's, which every agent's sidecar writes to. */
  brokers: NamespaceView['brokers'];
  cluster: NamespaceView['cluster'];
  operatorNamespace: string;
}

/** What was made of one Service's annotation; told to its owner as an Event. */
export interface IngressNote {
  service: Service;
  type: 'Normal' | 'Warning';
  reason: 'IngressFenced' | 'IngressNotFenced';
  note: string;
  /** The NetworkPolicy that takes all of its pods; absent where nothing was fenced. */
  fence?: string;
}

export interface IngressFence {
  networkPolicies: NetworkPolicy[];
  notes: IngressNote[];
}

interface Way {
  /** Of the pods it leads to. */
  namespace: string;
  labels: Labels;
  port: Port;
  peer: Peer;
}

function waysTo(destination: Destination, peers: readonly Peer[]): Way[] {
  if (destination.kind !== 'pods') return [];
  const { namespace, labels, port } = destination;
  return peers.map((peer) => ({ namespace, labels, port, peer }));
}

/** What arrives for agents whose policies have egress Gateway. */
function gatewayPeer(operatorNamespace: string): Peer {
  return { namespaceSelector: inNamespace(operatorNamespace), podSelector: { matchLabels: { ...GATEWAY_PODS } } };
}

function peersOf(policy: AuditPolicy, namespace: string, named: readonly string[]): Peer[] {
  const namespaceSelector = inNamespace(namespace);
  const selected = { namespaceSelector, podSelector: agentPods(policy) };
  return named.length === 0 ? [selected] : [selected, { namespaceSelector, podSelector: namedAgents(named) }];
}

/** Every way that agents were given by their policies. */
function declaredWays({ enrolled, cluster, operatorNamespace }: IngressView): Way[] {
  return enrolled.flatMap(({ namespace, policies, namedBy }) =>
    policies.flatMap((policy) => {
      const handsOver = policy.spec.egress === 'Gateway';
      const peers = handsOver ? [gatewayPeer(operatorNamespace)] : peersOf(policy, namespace, namedBy.get(policy.metadata.name) ?? []);
      return policy.spec.targets.flatMap(({ hosts, port }) =>
        hosts.flatMap((host) => waysTo(destinationOf(host, port, namespace, cluster), peers)),
      );
    }),
  );
}

function brokerWays({ brokers, enrolled, operatorNamespace, cluster }: IngressView): Way[] {
  const agents: Peer = {
    namespaceSelector: { matchLabels: { [ENROLL_LABEL]: 'true' } },
    podSelector: { matchExpressions: [{ key: AGENT_LABEL, operator: 'Exists' }] },
  };
  const handsOver = enrolled.some(({ policies }) => policies.some(({ spec }) => spec.egress === 'Gateway'));
  const peers = handsOver ? [agents, gatewayPeer(operatorNamespace)] : [agents];
  return brokers.flatMap(({ host, port }) => waysTo(destinationOf(host, port, operatorNamespace, cluster), peers));
}

/** Pods that both take; undefined: there can be none. */
function both(a: Labels, b: Labels): Labels | undefined {
  const apart = Object.entries(a).some(([key, value]) => Object.hasOwn(b, key) && b[key] !== value);
  return apart ? undefined : Object.fromEntries(Object.entries({ ...a, ...b }).toSorted(([x], [y]) => (x < y ? -1 : 1)));
}

interface Ways {
  podSelector: Labels;
  rules: IngressRule[];
}

function admit(rules: IngressRule[], { port, peer }: Way): void {
  const ports = [{ port, protocol: 'TCP' }];
  const rule = rules.find((each) => isDeepStrictEqual(each.ports, ports));
  if (!rule) rules.push({ from: [peer], ports });
  else if (!rule.from!.some((each) => isDeepStrictEqual(each, peer))) rule.from!.push(peer);
}

/** Ways into a Service's pods, by the pods that each leads to: another Service may lead to some of them, or to more. */
function waysInto(namespace: string, selector: Labels, ways: readonly Way[]): Ways[] {
  const found: Ways[] = [{ podSelector: both(selector, {})!, rules: [] }];
  for (const way of ways) {
    const podSelector = way.namespace === namespace ? both(selector, way.labels) : undefined;
    if (!podSelector) continue;
    const known = found.find((each) => isDeepStrictEqual(each.podSelector, podSelector));
    const into = known ?? { podSelector, rules: [] };
    if (!known) found.push(into);
    admit(into.rules, way);
  }
  return found;
}

function nameOf(service: string, podSelector: Labels, first: boolean): string {
  if (first) return shortened(PREFIX + service);
  const hash = createHash('sha256').update(JSON.stringify(podSelector)).digest('hex').slice(0, 8);
  return shortened(`${PREFIX}${service}.${hash}`);
}

function fenceOne(service: Service, ways: readonly Way[]): { networkPolicies: NetworkPolicy[]; note: IngressNote } {
  const { name, namespace, annotations } = service.metadata;
  const said = (type: IngressNote['type'], reason: IngressNote['reason'], note: string): IngressNote => ({ service, type, reason, note });
  const left = (note: string): ReturnType<typeof fenceOne> => ({ networkPolicies: [], note: said('Warning', 'IngressNotFenced', note) });
  if (annotations?.[INGRESS_ANNOTATION] !== AGENTS)
    return left(`The annotation ${INGRESS_ANNOTATION} takes the value ${AGENTS}; nothing is fenced.`);
  const { selector = {} } = service.spec ?? {};
  if (Object.keys(selector).length === 0)
    return left('A Service without selector has no pods that a NetworkPolicy could select; nothing is fenced.');
  const into = waysInto(namespace!, selector, ways);
  const peers = into.reduce((sum, { rules }) => sum + rules.reduce((count, { from }) => count + from!.length, 0), 0);
  if (peers > PEERS_COUNT) return left(`More than ${PEERS_COUNT} ways lead to its pods, more than the operator fences; nothing is fenced.`);
  const networkPolicies = into.map(({ podSelector, rules: ingress }, index) =>
    networkPolicy(namespace!, nameOf(name!, podSelector, index === 0), {
      podSelector: { matchLabels: { ...podSelector } },
      policyTypes: ['Ingress'],
      ingress,
    }),
  );
  const note =
    'Its pods are reached by agents whose policies declare it, and by whom NetworkPolicies of yours admit besides; by nobody else.';
  return { networkPolicies, note: { ...said('Normal', 'IngressFenced', note), fence: networkPolicies[0]!.metadata.name! } };
}

export function ingressOf(view: IngressView): IngressFence {
  const ways = view.services.length === 0 ? [] : [...declaredWays(view), ...brokerWays(view)];
  const fenced = view.services.map((service) => fenceOne(service, ways));
  return { networkPolicies: fenced.flatMap(({ networkPolicies }) => networkPolicies), notes: fenced.map(({ note }) => note) };
}
