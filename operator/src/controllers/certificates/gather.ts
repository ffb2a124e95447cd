/** What the certificates controller looks at: enrolled namespaces, the CA's copies in them, and our webhook configurations. */
import { Reflector, type ApiObject, type KubernetesClient, type Resource } from '../../kubernetes/index.js';
import type { LogEntry } from '../../service/http/basics.js';

export interface ConfigMap extends ApiObject {
  data?: Record<string, string>;
}

/** Mutating- or ValidatingWebhookConfiguration; further members are kept as they are. */
export interface WebhookConfiguration extends ApiObject {
  webhooks?: { name: string; clientConfig: { caBundle?: string } }[];
}

export const CONFIG_MAPS: Resource<ConfigMap> = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true };
const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false };
const admission = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false } as const;
export const WEBHOOKS = {
  mutating: {
    ...admission,
    plural: 'mutatingwebhookconfigurations',
    kind: 'MutatingWebhookConfiguration',
  } as Resource<WebhookConfiguration>,
  validating: {
    ...admission,
    plural: 'validatingwebhookconfigurations',
    kind: 'ValidatingWebhookConfiguration',
  } as Resource<WebhookConfiguration>,
};

export const CA_CONFIG_MAP = 'cairn-ca';
export const CA_ENTRY = 'ca.crt';

export interface CertificateView {
  /** Enrolled ones. */
  readonly namespaces: Reflector<ApiObject>;
  /** Named cairn-ca, of every namespace. */
  readonly copies: Reflector<ConfigMap>;
  readonly mutating: Reflector<WebhookConfiguration>;
  readonly validating: Reflector<WebhookConfiguration>;
}

export function certificateView(client: KubernetesClient, webhookName: string, log: (entry: LogEntry) => void): CertificateView {
  const named = (name: string): { fieldSelector: string; log: (entry: LogEntry) => void } => ({
    fieldSelector: `metadata.name=${name}`,
    log,
  });
  return {
    namespaces: new Reflector(client, NAMESPACES, { labelSelector: 'cairn.dev/enroll=true', log }),
    copies: new Reflector(client, CONFIG_MAPS, named(CA_CONFIG_MAP)),
    mutating: new Reflector(client, WEBHOOKS.mutating, named(webhookName)),
    validating: new Reflector(client, WEBHOOKS.validating, named(webhookName)),
  };
}

/** Namespaces that need the CA: the enrolled ones and our own. */
export function namespacesOf(view: CertificateView, own: string): string[] {
  return [...new Set([own, ...[...view.namespaces.store.all()].map(({ metadata }) => metadata.name!)])];
}

function carries(configuration: WebhookConfiguration, bundle: string): boolean {
  const encoded = Buffer.from(bundle).toString('base64');
  return (configuration.webhooks ?? []).every(({ clientConfig }) => clientConfig.caBundle === encoded);
}

/** Whether everybody who is to trust the bundle has it. */
export function isDistributed(view: CertificateView, own: string, bundle: string): boolean {
  const everywhere = namespacesOf(view, own).every(
    (namespace) => view.copies.store.get({ namespace, name: CA_CONFIG_MAP })?.data?.[CA_ENTRY] === bundle,
  );
  const configurations = [...view.mutating.store.all(), ...view.validating.store.all()];
  return everywhere && configurations.every((configuration) => carries(configuration, bundle));
}

/** The patch that gives every webhook of a configuration the bundle; undefined where all have it. */
export function bundlePatch(configuration: WebhookConfiguration, bundle: string): object | undefined {
  if (carries(configuration, bundle)) return undefined;
  const caBundle = Buffer.from(bundle).toString('base64');
  const webhooks = configuration.webhooks!.map((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }));
  return { webhooks };
}
