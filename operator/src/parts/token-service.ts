/** The token service and all that sidecars ask for, on every replica. */
import type { PodReference } from '@cairn/identity';
import { createBundles } from '../controllers/bundles/index.js';
import { WORKLOAD_AUDIENCE } from '../inject/index.js';
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
