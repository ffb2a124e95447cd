/** What the certificates controller looks at: enrolled namespaces, the CA's copies in them, and our webhook configurations. */
import {
  CONFIG_MAPS,
  Reflector,
  type ApiObject,
  type ConfigMap,
  type KubernetesClient,
  type Namespace,
  type ReflectorOptions,
  type Resource,
} from '../../kubernetes/index.js';
import { ENROLL_LABEL } from '../../names.js';

/** Mutating- or ValidatingWebhookConfiguration; further members are kept as they are. */
export interface WebhookConfiguration extends ApiObject {
  webhooks?: { name: string; failurePolicy?: string; clientConfig: { caBundle?: string } }[];
}

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
  readonly namespaces: Reflector<Namespace>;
  /** Named cairn-ca, of every namespace. */
  readonly copies: Reflector<ConfigMap>;
  readonly mutating: Reflector<WebhookConfiguration>;
  readonly validating: Reflector<WebhookConfiguration>;
}

/** What is to be kept in memory besides the namespaces. */
export function certificateCaches(
  client: KubernetesClient,
  webhookName: string,
  log: ReflectorOptions<ApiObject>['log'] & object,
): Omit<CertificateView, 'namespaces'> {
  const named = (name: string) => ({ fieldSelector: `metadata.name=${name}`, log });
  return {
    copies: new Reflector(client, CONFIG_MAPS, named(CA_CONFIG_MAP)),
    mutating: new Reflector(client, WEBHOOKS.mutating, named(webhookName)),
    validating: new Reflector(client, WEBHOOKS.validating, named(webhookName)),
  };
}

/** Namespaces that need the CA: the enrolled ones and our own. */
export function namespacesOf({ namespaces }: CertificateView, own: string): string[] {
  const enrolled = [...namespaces.store.all()].filter(
    ({ metadata }) => metadata.labels?.[ENROLL_LABEL] === 'true' && !metadata.deletionTimestamp,
  );
  return [...new Set([own, ...enrolled.map(({ metadata }) => metadata.name!)])];
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
