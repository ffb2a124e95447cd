/** Keeps the operator's certificates fresh and their CA where it must be trusted. Behind the Lease. */
import {
  CONFIG_MAPS,
  SECRETS,
  type KubernetesClient,
  type Reflector,
  type ReflectorOptions,
  type Secret,
  type Workqueue,
} from '../../kubernetes/index.js';
import { changed } from '../../state/conflicts.js';
import { MANAGED_BY } from '../../state/resources.js';
import { SERVING } from '../../state/serving.js';
import type { LeaderController } from '../leading.js';
import { nextCertificateStep, type Lifetimes } from './decide.js';
import {
  bundlePatch,
  CA_CONFIG_MAP,
  CA_ENTRY,
  isDistributed,
  namespacesOf,
  WEBHOOKS,
  type CertificateView,
  type WebhookConfiguration,
} from './gather.js';
import { bundleOf, heldCertificates, secretData } from './held.js';
import { LOOK_MS } from './limits.js';
import { certificatesAfter } from './step.js';

export interface CertificatesOptions {
  /** Acts only while this replica leads. */
  client: KubernetesClient;
  namespace: string;
  names: readonly string[];
  lifetimes: Lifetimes;
  view: CertificateView;
  /** Of Secret cairn-serving. */
  secrets: Reflector<Secret>;
  log: ReflectorOptions<Secret>['log'] & object;
  /** Milliseconds; default Date.now. */
  clock?: () => number;
  lookMs?: number;
}

/** The three kinds of keys: the Secret, a namespace's copy, a webhook configuration. */
const SECRET = 'secret';
const COPY = 'copy/';
const WEBHOOK = 'webhook/';

export function certificatesController(options: CertificatesOptions): LeaderController {
  const { view, secrets } = options;
  return {
    name: 'certificates',
    workers: 1,
    reconcile: (key) => reconcile(options, key),
    feed(queue) {
      const all = (): void => addAll(options, queue);
      const copyIn = (namespace: string): void => queue.add(`${COPY}${namespace}`);
      const copied = ({ metadata }: { metadata: { namespace?: string } }): void => {
        copyIn(metadata.namespace!);
        queue.add(SECRET);
      };
      const enrolled = ({ metadata }: { metadata: { name?: string } }): void => copyIn(metadata.name!);
      const ends = [
        secrets.subscribe({ added: all, updated: all, deleted: all }),
        view.namespaces.subscribe({ added: enrolled, updated: enrolled }),
        view.copies.subscribe({ added: copied, updated: copied, deleted: copied }),
        view.mutating.subscribe({ added: all, updated: all }),
        view.validating.subscribe({ added: all, updated: all }),
      ];
      all();
      return () => ends.forEach((end) => end());
    },
  };
}

function addAll({ view, namespace }: CertificatesOptions, queue: Workqueue): void {
  for (const each of namespacesOf(view, namespace)) queue.add(`${COPY}${each}`);
  for (const kind of ['mutating', 'validating'] as const) queue.add(`${WEBHOOK}${kind}`);
  queue.add(SECRET);
}

async function reconcile(options: CertificatesOptions, key: string): Promise<{ afterMs: number } | undefined> {
  if (key === SECRET) return renew(options);
  if (key.startsWith(COPY)) await distribute(options, key.slice(COPY.length));
  else await trust(options, key.slice(WEBHOOK.length) as keyof typeof WEBHOOKS);
  return undefined;
}

async function renew(options: CertificatesOptions): Promise<{ afterMs: number }> {
  const { client, namespace, names, lifetimes, view, log, clock = Date.now, lookMs = LOOK_MS } = options;
  const decide = async (secret: Secret): Promise<object | undefined> => {
    const held = heldCertificates(secret);
    const now = clock();
    const distributed = held !== undefined && isDistributed(view, namespace, bundleOf(held));
    const step = nextCertificateStep({ held, names, distributed, now, lifetimes });
    const next = await certificatesAfter(step, held, { names, now, lifetimes });
    if (next) log({ level: 'info', message: 'certificates', step });
    return next && { data: secretData(next) };
  };
  await changed(client, SECRETS, { namespace, name: SERVING }, { decide });
  return { afterMs: lookMs };
}

function currentBundle({ secrets, namespace }: CertificatesOptions): string | undefined {
  const held = heldCertificates(secrets.store.get({ namespace, name: SERVING }));
  return held && bundleOf(held);
}

async function distribute(options: CertificatesOptions, namespace: string): Promise<void> {
  const bundle = currentBundle(options);
  const copy = options.view.copies.store.get({ namespace, name: CA_CONFIG_MAP });
  if (!bundle || copy?.data?.[CA_ENTRY] === bundle || !namespacesOf(options.view, options.namespace).includes(namespace)) return;
  const metadata = { namespace, name: CA_CONFIG_MAP, labels: { ...MANAGED_BY } };
  await options.client.apply(CONFIG_MAPS, { metadata, data: { [CA_ENTRY]: bundle } });
}

async function trust(options: CertificatesOptions, kind: keyof typeof WEBHOOKS): Promise<void> {
  const bundle = currentBundle(options);
  if (!bundle) return;
  for (const known of options.view[kind].store.all()) {
    const decide = (configuration: WebhookConfiguration): object | undefined => bundlePatch(configuration, bundle);
    await changed(options.client, WEBHOOKS[kind], { name: known.metadata.name! }, { known, decide });
  }
}
