/** What every replica keeps in memory of the cluster. */
import {
  AUDIT_POLICIES,
  IDENTITY_PROVIDERS,
  NAMESPACES,
  NETWORK_POLICIES,
  PODS,
  Reflector,
  SERVICES,
  type ApiObject,
  type KubernetesClient,
  type Namespace,
  type NetworkPolicy,
  type Pod,
  type ReflectorOptions,
  type Resource,
  type Service,
  type StoredPolicy,
  type StoredProvider,
} from './kubernetes/index.js';
import { certificateCaches, type CertificateView } from './controllers/certificates/gather.js';
import { ingressIndex } from './controllers/networks/gather.js';
import { fenceParts, fenceStatus, type FencePart } from './controllers/drift/gather.js';
import type { OperatorConfig } from './config/index.js';
import type { Log } from './log.js';
import type { OperatorMetrics } from './metrics.js';
import { AGENT_LABEL, MANAGED_BY } from './names.js';

export interface Caches {
  namespaces: Reflector<Namespace>;
  /** Injected pods alone; index `uid`, and `account`: namespace and name of the service account. */
  pods: Reflector<Pod>;
  /** Index `clusterIP`: the first of each; `ingress`: those whose owners asked for a fence. */
  services: Reflector<Service>;
  policies: Reflector<StoredPolicy>;
  providers: Reflector<StoredProvider>;
  /** Our own alone. */
  networkPolicies: Reflector<NetworkPolicy>;
  /** ConfigMaps cairn-ca of all namespaces. */
  copies: CertificateView['copies'];
  /** Our own configuration of webhooks. */
  mutating: CertificateView['mutating'];
  validating: CertificateView['validating'];
  /** Each policy of the fence and each binding. */
  fence: readonly FencePart[];
}

/** Status changes all the time and nobody here asks for more of it. */
function trimPod(pod: Pod): Pod {
  const { managedFields: _, ...metadata } = pod.metadata;
  const { status, ...rest } = pod;
  return { ...rest, metadata, ...(status?.phase ? { status: { phase: status.phase } } : {}) };
}

function trimService(service: Service): Service {
  const { name, namespace, uid, resourceVersion, annotations } = service.metadata;
  const metadata = { name, namespace, uid, resourceVersion, annotations } as Service['metadata'];
  return { metadata, ...(service.spec ? { spec: service.spec } : {}) };
}

const podIndexes = {
  uid: ({ metadata }: Pod) => metadata.uid,
  account: ({ metadata, spec }: Pod) => `${metadata.namespace}/${spec?.serviceAccountName ?? 'default'}`,
};

const serviceIndexes = { clusterIP: ({ spec }: Service) => spec?.clusterIP, ingress: ingressIndex };

export function createCaches(client: KubernetesClient, config: OperatorConfig, log: Log, metrics: OperatorMetrics): Caches {
  const reflect = <T extends ApiObject>(resource: Resource<T>, options: ReflectorOptions<T> = {}): Reflector<T> => {
    const reflector = new Reflector(client, resource, { log, ...options });
    metrics.watchReflector(resource.plural, reflector);
    return reflector;
  };
  const { namespace, sidecar, issuer, webhook } = config;
  const certificates = certificateCaches(client, webhook.name, log);
  for (const [name, reflector] of Object.entries(certificates)) metrics.watchReflector(name, reflector);
  const fence = fenceParts(client, { namespace, sidecarImage: sidecar.image, operatorUrl: issuer }, log);
  metrics.watchReflector('fence', fenceStatus(fence));
  return {
    ...certificates,
    fence,
    namespaces: reflect(NAMESPACES),
    pods: reflect(PODS, { labelSelector: AGENT_LABEL, trim: trimPod, indexes: podIndexes }),
    services: reflect(SERVICES, { trim: trimService, indexes: serviceIndexes }),
    policies: reflect(AUDIT_POLICIES),
    providers: reflect(IDENTITY_PROVIDERS),
    networkPolicies: reflect(NETWORK_POLICIES, { labelSelector: `${MANAGED_BY.label}=${MANAGED_BY.value}` }),
  };
}

function reflectorsOf({ fence, ...others }: Caches): Reflector<ApiObject>[] {
  return [...Object.values(others), ...fence.map(({ cache }) => cache)] as Reflector<ApiObject>[];
}

/** Resolves once all of them are as full as the cluster; waits for an API server that is not there yet. */
export async function startCaches(caches: Caches): Promise<void> {
  const all = reflectorsOf(caches);
  for (const reflector of all) reflector.start();
  await Promise.all(all.map((reflector) => reflector.whenSynced()));
}

export async function stopCaches(caches: Caches): Promise<void> {
  await Promise.all(reflectorsOf(caches).map((reflector) => reflector.stop()));
}
