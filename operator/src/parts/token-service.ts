/** The token service and all that sidecars ask for, on every replica. */
import type { PodReference } from '@cairn/identity';
import { createBundles } from '../controllers/bundles/index.js';
import { WORKLOAD_AUDIENCE } from '../inject/index.js';
import { PODS } from '../kubernetes/index.js';
import { createOperatorService, createReviewedWorkloads, createTokenReviews, reviewBy, type PodStanding } from '../service/index.js';
import type { OperatorContext } from '../context.js';
import type { Part } from './part.js';

function standings({ agents }: OperatorContext): (pod: PodReference) => Promise<PodStanding> {
  return async (reference) => {
    const pod = await agents.find(reference);
    if (!pod) return 'absent';
    return pod.metadata.deletionTimestamp === undefined ? 'present' : 'terminating';
  };
}

/** Nobody but kubelet can run the rules again: the pod has to be made anew. */
function tellBypass({ events }: OperatorContext, pod: PodReference, { host, port }: { host: string; port: number }): void {
  const note = `A connection to ${host} port ${port} went past the sidecar: the capture rules of this pod do not hold. Find out who took them away, and delete the pod; its owner makes it anew.`;
  events.record({ resource: PODS, metadata: pod }, { type: 'Warning', reason: 'CaptureBypassed', action: 'Watch', note });
}

export const tokenService: Part = async (context) => {
  const { agents, caches, client, config, log, metrics, policies, serving, state } = context;
  const { issuer } = config;
  const tokens = { issuer, jwksUri: `${issuer}/.well-known/jwks.json`, tokenEndpoint: `${issuer}/oauth2/token` };
  const bundles = createBundles({ agents, policies, pods: caches.pods, tokenService: tokens, auditorKey: config.auditorKey });
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
