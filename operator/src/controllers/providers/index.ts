/** IdentityProviders: validated, asked for their metadata and keys, and told what came of it. */
import { readResource } from '@cairn/crds';
import { IdentityError, reachProvider } from '@cairn/identity';
import {
  conditionsOf,
  IDENTITY_PROVIDERS,
  sameConditions,
  type EventRecorder,
  type KubernetesClient,
  type Observation,
  type Reflector,
  type StoredProvider,
} from '../../kubernetes/index.js';
import type { LeaderController, Leading } from '../leading.js';
import { observationsOf, type ProviderView } from './decide.js';
import { LOOK_MS, RETRY_MS, WORKERS_COUNT } from './limits.js';

export interface ProvidersContext {
  caches: { providers: Reflector<StoredProvider> };
  events: Pick<EventRecorder, 'record'>;
}

async function viewOf(stored: StoredProvider): Promise<ProviderView> {
  const { provider, problems } = readResource({ ...stored, apiVersion: 'cairn.dev/v1alpha1', kind: 'IdentityProvider' });
  const kind = stored.spec.saml ? 'saml' : 'oidc';
  if (!provider) return { problems, kind, asked: undefined };
  try {
    return { problems, kind, asked: await reachProvider(provider.spec, Date.now) };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return { problems, kind, asked: { failure: error.message } };
  }
}

function tell(events: ProvidersContext['events'], stored: StoredProvider, observations: readonly Observation[]): void {
  for (const { type, status, reason, message: note } of observations) {
    const known = stored.status?.conditions?.find((each) => each.type === type);
    // Ready repeats another condition.
    if (type === 'Ready' || known?.status === status || (!known && status === 'True')) continue;
    const text = { type: status === 'True' ? 'Normal' : 'Warning', reason, action: 'Fetch', note } as const;
    events.record({ resource: IDENTITY_PROVIDERS, metadata: stored.metadata }, text);
  }
}

/** The status, where it is news. The time alone is news too: it says how old the picture is. */
async function write(
  client: KubernetesClient,
  stored: StoredProvider,
  observations: readonly Observation[],
  fetched: boolean,
): Promise<void> {
  const { name, generation } = stored.metadata;
  const now = new Date().toISOString();
  const conditions = conditionsOf(stored.status?.conditions, observations, generation, now);
  const lastFetched = fetched ? now : stored.status?.lastFetched;
  const same = stored.status?.observedGeneration === generation && stored.status?.lastFetched === lastFetched;
  if (same && sameConditions(stored.status?.conditions, conditions)) return;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const status = { ...observed, conditions, ...(lastFetched === undefined ? {} : { lastFetched }) };
  await client.apply(IDENTITY_PROVIDERS, { metadata: { name: name! }, status } as StoredProvider, { subresource: 'status' });
}

export function providers({ context, client }: { context: ProvidersContext; client: Leading['client'] }): LeaderController {
  const { caches, events } = context;
  return {
    name: 'providers',
    workers: WORKERS_COUNT,
    async reconcile(name) {
      const stored = caches.providers.store.get({ name });
      if (!stored) return undefined;
      const view = await viewOf(stored);
      const observations = observationsOf(view);
      tell(events, stored, observations);
      const reached = view.asked !== undefined && view.asked.failure === undefined;
      await write(client, stored, observations, reached);
      return { afterMs: reached ? LOOK_MS : RETRY_MS };
    },
    feed(queue) {
      const add = ({ metadata }: StoredProvider): void => queue.add(metadata.name!);
      // A status that was written, by us too, is no reason to ask again.
      const updated = (provider: StoredProvider, previous: StoredProvider): void => {
        if (provider.metadata.generation !== previous.metadata.generation) add(provider);
      };
      for (const provider of caches.providers.store.all()) add(provider);
      return caches.providers.subscribe({ added: add, updated });
    },
  };
}
