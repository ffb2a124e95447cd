/** What is known of a namespace, its policies and the Services that they lead to. */
import type { OperatorContext } from '../../context.js';
import { mayRunBy } from '../../agents/index.js';
import { ENDPOINT_SLICES, type EndpointSlice, type KubernetesClient, type Service } from '../../kubernetes/index.js';
import { AGENT_LABEL, ENROLL_LABEL, INGRESS_ANNOTATION, POLICY_ANNOTATION } from '../../names.js';
import type { NamespaceView } from './decide.js';
import { destinationOf, type Cluster } from './destination.js';
import type { IngressView } from './ingress.js';

const ASKED = 'asked';

/** Index of Services by whether their owner wrote the annotation, whatever it says. */
export function ingressIndex({ metadata }: Service): string | undefined {
  return metadata.annotations?.[INGRESS_ANNOTATION] === undefined ? undefined : ASKED;
}

type Sources = Pick<OperatorContext, 'policies' | 'agents' | 'caches' | 'config'>;

/** `host:port,[::1]:9092`, as Kafka's clients take them. */
export function brokersOf(list: string | undefined): { host: string; port: number }[] {
  return (list ?? '').split(',').flatMap((each) => {
    const match = /^(.+):(\d+)$/.exec(each.trim());
    return match ? [{ host: match[1]!, port: Number(match[2]) }] : [];
  });
}

function namedBy({ agents }: Sources, namespace: string, policies: NamespaceView['policies']): Map<string, string[]> {
  const found = new Map<string, Set<string>>();
  for (const pod of agents.running(namespace)) {
    const name = pod.metadata.annotations?.[POLICY_ANNOTATION];
    const policy = policies.find(({ metadata }) => metadata.name === name);
    const { [POLICY_ANNOTATION]: _, ...others } = pod.metadata.annotations ?? {};
    if (!policy || mayRunBy({ ...pod, metadata: { ...pod.metadata, annotations: others } }, policy)) continue;
    found.set(policy.metadata.name, (found.get(policy.metadata.name) ?? new Set()).add(pod.metadata.labels![AGENT_LABEL]!));
  }
  return new Map([...found].map(([name, each]) => [name, [...each]]));
}

function addressesIn(slices: readonly EndpointSlice[], service: Service, port: number): ReturnType<Cluster['endpoints']> {
  const offered = service.spec?.ports?.find((each) => each.port === port);
  const found = slices.flatMap(({ ports, endpoints }) => {
    const behind = ports?.find(({ name }) => (name ?? '') === (offered?.name ?? ''))?.port;
    return behind === undefined
      ? []
      : (endpoints ?? []).flatMap(({ addresses }) => addresses.map((address) => ({ address, port: behind })));
  });
  const first = found[0];
  if (!first) return undefined;
  // Slices of one Service may differ in their ports; one rule has one.
  const same = found.filter((each) => each.port === first.port);
  return { addresses: [...new Set(same.map(({ address }) => address))].toSorted(), port: first.port };
}

/** Services without selector that the namespace's policies lead to, whose endpoints have to be asked for. */
async function slicesOf(client: KubernetesClient, services: readonly Service[]): Promise<ReadonlyMap<Service, readonly EndpointSlice[]>> {
  const found = new Map<Service, readonly EndpointSlice[]>();
  for (const service of services) {
    const labelSelector = `kubernetes.io/service-name=${service.metadata.name}`;
    found.set(service, (await client.list(ENDPOINT_SLICES, { namespace: service.metadata.namespace!, labelSelector })).items);
  }
  return found;
}

/** Namespaces with Services whose owners asked for a fence around them. */
export function fencedNamespaces({ caches }: Pick<Sources, 'caches'>): Set<string> {
  return new Set(caches.services.store.by('ingress', ASKED).map(({ metadata }) => metadata.namespace!));
}

function ingressView(sources: Sources, namespace: string, view: NamespaceView): IngressView {
  const { caches, policies: book } = sources;
  const services = caches.services.store.inNamespace(namespace).filter((service) => ingressIndex(service) === ASKED);
  const names = [...caches.namespaces.store.all()]
    .filter(({ metadata }) => services.length > 0 && metadata.labels?.[ENROLL_LABEL] === 'true')
    .map(({ metadata }) => metadata.name!)
    .toSorted();
  const enrolled = names.map((name) => {
    const policies = book.inNamespace(name).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    return { namespace: name, policies, namedBy: namedBy(sources, name, policies) };
  });
  const { cluster, brokers, operatorNamespace } = view;
  return { services, enrolled, cluster, brokers, operatorNamespace };
}

export interface Gathered {
  view: NamespaceView;
  ingress: IngressView;
  /** Whether something was looked at that announces no changes. */
  asked: boolean;
}

export async function gather(sources: Sources, client: KubernetesClient, namespace: string): Promise<Gathered> {
  const { caches, policies: book, config } = sources;
  const policies = book.inNamespace(namespace);
  const brokers = brokersOf(config.sidecar.env['CAIRN_KAFKA_BROKERS']);
  const services = {
    service: (of: string, name: string) => caches.services.store.get({ namespace: of, name }),
    serviceAt: (address: string) => caches.services.store.by('clusterIP', address)[0],
  };
  const asked = new Set<Service>();
  const look: Cluster = { ...services, endpoints: (service) => void asked.add(service) };
  for (const { spec } of policies)
    for (const { hosts, port } of spec.targets) for (const host of hosts) destinationOf(host, port, namespace, look);
  for (const { host, port } of brokers) destinationOf(host, port, config.namespace, look);
  const slices = await slicesOf(client, [...asked]);
  const cluster: Cluster = { ...services, endpoints: (service, port) => addressesIn(slices.get(service) ?? [], service, port) };
  const enrolled = caches.namespaces.store.get({ name: namespace })?.metadata.labels?.[ENROLL_LABEL] === 'true';
  const view = {
    namespace,
    enrolled,
    policies,
    namedBy: namedBy(sources, namespace, policies),
    cluster,
    operatorNamespace: config.namespace,
    gatewayPort: config.gateway?.port,
    brokers,
  };
  return { view, ingress: ingressView(sources, namespace, view), asked: asked.size > 0 };
}
