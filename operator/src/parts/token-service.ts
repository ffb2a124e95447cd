/** The token service and all that sidecars ask for, on every replica. */
import type { PodReference, Workload } from '@cairn/identity';
import { createBundles, type Bundles } from '../controllers/bundles/index.js';
import { markBypassed } from '../controllers/drift/index.js';
import { WORKLOAD_AUDIENCE } from '../inject/index.js';
import { PODS, type Pod } from '../kubernetes/index.js';
import { GATEWAY_ACCOUNT } from '../names.js';
import {
  createOperatorService,
  createReviewedWorkloads,
  createTokenReviews,
  podCertificates,
  reviewBy,
  type OperatorServiceOptions,
  type PodStanding,
} from '../service/index.js';
import type { OperatorContext } from '../context.js';
import type { Part } from './part.js';

/** A pod of the gateway, which no cache of agents holds. */
async function gatewayPod({ client }: OperatorContext, { namespace, name, uid }: PodReference): Promise<Pod | undefined> {
  const pod = await client.get(PODS, { namespace, name });
  return pod?.metadata.uid === uid ? pod : undefined;
}

function standings(context: OperatorContext): (pod: PodReference) => Promise<PodStanding> {
  return async (reference) => {
    const isOurs = reference.namespace === context.config.namespace;
    const pod = isOurs ? await gatewayPod(context, reference) : await context.agents.find(reference);
    if (!pod) return 'absent';
    return pod.metadata.deletionTimestamp === undefined ? 'present' : 'terminating';
  };
}

function gatewayOptions({ config, serving }: OperatorContext, bundles: Bundles): Pick<OperatorServiceOptions, 'gateway'> {
  const { gateway, namespace } = config;
  if (!gateway) return {};
  const isGateway = ({ pod, serviceAccount }: Workload): boolean => pod.namespace === namespace && serviceAccount === GATEWAY_ACCOUNT;
  const certificates = podCertificates({ signing: () => serving.signing(), bundle: () => serving.bundle() });
  return { gateway: { isGateway, bundle: () => bundles.forGateway(), names: [gateway.host], certificates } };
}

/** Nobody but kubelet can run the rules again: the pod has to be made anew. */
async function tellBypass(
  { client, events, state }: OperatorContext,
  pod: PodReference,
  { host, port }: { host: string; port: number },
): Promise<void> {
  const note = `A connection to ${host} port ${port} went past the sidecar: the capture rules of this pod do not hold. Find out who took them away, and delete the pod; its owner makes it anew.`;
  events.record({ resource: PODS, metadata: pod }, { type: 'Warning', reason: 'CaptureBypassed', action: 'Watch', note });
  await markBypassed({ client, streams: state.streams }, pod, note);
}

export const tokenService: Part = async (context) => {
  const { agents, caches, client, config, log, metrics, policies, serving, state } = context;
  const { issuer } = config;
  const tokens = { issuer, jwksUri: `${issuer}/.well-known/jwks.json`, tokenEndpoint: `${issuer}/oauth2/token` };
  const bundles = createBundles({
    agents,
    policies,
    pods: caches.pods,
    tokenService: tokens,
    auditorKey: config.auditorKey,
    gateway: config.gateway,
  });
  const reviews = createTokenReviews(reviewBy(client), WORKLOAD_AUDIENCE);
  const service = await createOperatorService({
    issuer,
    stores: state.stores,
    workloads: createReviewedWorkloads(reviews, standings(context)),
    reviews,
    providers: () => policies.providerSpecs(),
    bundleFor: (pod) => bundles.bundleFor(pod),
    agentOf: (pod) => bundles.agentOf(pod),
    uncaptured: (pod, to) => tellBypass(context, pod, to),
    ...gatewayOptions(context, bundles),
    adminGroups: config.adminGroups,
    launchSeconds: config.launchSeconds,
    log,
  });
  bundles.onChange(() => service.bundlesChanged());
  metrics.include(service.registry);
  await service.listen({ ...config.listen.service, tls: serving.current() });
  serving.follow((pair) => service.renewCertificate(pair));
  return () => service.close();
};
