/** The fence on the network: default-deny in enrolled namespaces, and ways for agents to what their policies declare. */
import { isDeepStrictEqual } from 'node:util';
import { mayRunBy, sameChoice } from '../../agents/index.js';
import { AUDIT_POLICIES, type Namespace, type NetworkPolicy, type Pod, type Service, type Workqueue } from '../../kubernetes/index.js';
import { ENROLL_LABEL, INGRESS_ANNOTATION, POLICY_ANNOTATION } from '../../names.js';
import type { LeaderController, Leading } from '../leading.js';
import { report } from '../report.js';
import { fence, tellOwners } from './act.js';
import { fenceOf, gatewayFence, type NamespaceView } from './decide.js';
import { fencedNamespaces, gather } from './gather.js';
import { ingressOf } from './ingress.js';
import { ENDPOINTS_MS, WORKERS_COUNT } from './limits.js';

/** Beside the policies controller, which applies the other conditions. */
const MANAGER = 'cairn-operator-networks';

function isEnrolled({ metadata }: Namespace): boolean {
  return metadata.labels?.[ENROLL_LABEL] === 'true';
}

function sameService(service: Service, previous: Service): boolean {
  const said = ({ metadata }: Service): string | undefined => metadata.annotations?.[INGRESS_ANNOTATION];
  return said(service) === said(previous) && isDeepStrictEqual(service.spec, previous.spec);
}

export function networks({ context, client }: Leading): LeaderController {
  const { caches, config, events, policies } = context;
  const hands = { client, events };

  /** Our own namespace alone has the gateway's pods, whose ways follow from the policies of all. */
  const gatewayPolicies = async (own: NamespaceView): Promise<{ networkPolicies: NetworkPolicy[]; asked: boolean }> => {
    if (!config.gateway) return { networkPolicies: [], asked: false };
    const strict = policies.all().filter(({ spec }) => spec.egress === 'Gateway');
    const namespaces = [...new Set(strict.map(({ metadata }) => metadata.namespace!))].toSorted();
    const gathered = [];
    for (const each of namespaces) gathered.push(await gather(context, client, each));
    const views = gathered.map(({ view }) => view);
    return { networkPolicies: gatewayFence(views, own), asked: gathered.some(({ asked }) => asked) };
  };

  const reconcile = async (name: string): Promise<{ afterMs: number } | undefined> => {
    const namespace = caches.namespaces.store.get({ name });
    if (!namespace || namespace.metadata.deletionTimestamp !== undefined) return undefined;
    const { view, ingress, asked } = await gather(context, client, name);
    const { networkPolicies, observations } = fenceOf(view);
    const targets = ingressOf(ingress);
    const found = caches.networkPolicies.store.inNamespace(name);
    tellOwners(hands, targets.notes, found);
    const gateway = name === config.namespace ? await gatewayPolicies(view) : { networkPolicies: [], asked: false };
    await fence(hands, namespace, [...networkPolicies, ...targets.networkPolicies, ...gateway.networkPolicies], found);
    for (const [policy, observation] of observations) {
      const state = policies.state(`${name}/${policy}`);
      if (state) await report(client, AUDIT_POLICIES, state.stored, { observation, manager: MANAGER, now: new Date().toISOString() });
    }
    return asked || gateway.asked ? { afterMs: ENDPOINTS_MS } : undefined;
  };

  /** Namespaces that a change may concern: enrolled, with policies, or with a fence that is to go. */
  const all = (queue: Workqueue): void => {
    queue.add(config.namespace);
    for (const namespace of caches.namespaces.store.all()) if (isEnrolled(namespace)) queue.add(namespace.metadata.name!);
    for (const cache of [caches.policies, caches.networkPolicies])
      for (const { metadata } of cache.store.all()) queue.add(metadata.namespace!);
    fencedNamespaces(context).forEach((name) => queue.add(name));
  };

  return {
    name: 'networks',
    workers: WORKERS_COUNT,
    reconcile,
    feed(queue) {
      const own = ({ metadata }: { metadata: { namespace?: string } }): void => queue.add(metadata.namespace!);
      /** A namespace whose agents' ways changed, ours, where the gateway has its ways, and those that the ways may lead to. */
      const ways = (namespace: string): void =>
        [namespace, config.namespace, ...fencedNamespaces(context)].forEach((name) => queue.add(name));
      const names = (pod: Pod): void => {
        const policy = policies.inNamespace(pod.metadata.namespace!).find((each) => mayRunBy(pod, each));
        if (policy && pod.metadata.annotations?.[POLICY_ANNOTATION] !== undefined) ways(pod.metadata.namespace!);
      };
      // Once for all Services that change in one moment: any of them may be a target anywhere.
      let due = false;
      const anyService = (): void => {
        if (due) return;
        due = true;
        setImmediate(() => {
          due = false;
          all(queue);
        });
      };
      const ends = [
        caches.namespaces.subscribe({
          added: (namespace) => void (isEnrolled(namespace) && ways(namespace.metadata.name!)),
          updated: (namespace, previous) => void (isEnrolled(namespace) !== isEnrolled(previous) && ways(namespace.metadata.name!)),
        }),
        policies.onChange((key) => key !== undefined && ways(key.slice(0, key.indexOf('/')))),
        // A status that somebody else wrote over.
        caches.policies.subscribe({ updated: own }),
        // What somebody else changed or took away is put back.
        caches.networkPolicies.subscribe({ added: own, updated: own, deleted: own }),
        caches.pods.subscribe({ added: names, updated: (pod, previous) => void (sameChoice(pod, previous) || names(pod)), deleted: names }),
        caches.services.subscribe({
          added: anyService,
          updated: (service: Service, previous) => void (sameService(service, previous) || anyService()),
          deleted: anyService,
        }),
      ];
      all(queue);
      return () => ends.forEach((end) => end());
    },
  };
}
