/** The serving certificate of every replica, from Secret cairn-serving; a change is taken over without a closed connection. */
import { hasStatus, Reflector, SECRETS, type KubernetesClient, type Secret } from '../kubernetes/index.js';
import type { Lifetimes } from '../controllers/certificates/decide.js';
import { bundleOf, heldCertificates, secretData, type HeldCertificates } from '../controllers/certificates/held.js';
import { firstCertificates } from '../controllers/certificates/step.js';
import type { LogEntry } from '../service/http/basics.js';
import { MANAGED_BY } from './resources.js';

export const SERVING = 'cairn-serving';

/** PEM. */
export interface TlsPair {
  cert: string;
  key: string;
}

export interface ServingOptions {
  client: KubernetesClient;
  /** Of the installation. */
  namespace: string;
  /** DNS names and addresses that clients use. */
  names: readonly string[];
  lifetimes: Lifetimes;
  log: (entry: LogEntry) => void;
  /** Milliseconds; default Date.now. */
  clock?: () => number;
}

export interface Serving {
  /** Of the one Secret. */
  readonly secrets: Reflector<Secret>;
  /** Names that the certificate is for, and how long things last. */
  readonly terms: Pick<ServingOptions, 'names' | 'lifetimes'>;
  /** Reads the certificates, or makes them at the installation's first start, and follows them. */
  start(): Promise<void>;
  /** Throws before the start. */
  current(): TlsPair;
  /** The CA that signs now. */
  signing(): TlsPair;
  /** PEM of the CAs to be trusted. */
  bundle(): string;
  /** Told of every later certificate; `https.Server.setSecureContext` takes it. */
  follow(renewed: (pair: TlsPair) => void): void;
  stop(): Promise<void>;
}

/** Of replicas that start at once the first one's certificates count. */
async function readOrCreate({ client, namespace, names, lifetimes, clock = Date.now }: ServingOptions): Promise<Secret> {
  const key = { namespace, name: SERVING };
  const found = await client.get(SECRETS, key);
  if (found && heldCertificates(found)) return found;
  const data = secretData(await firstCertificates({ names, now: clock(), lifetimes }));
  try {
    if (found) return await client.mergePatch(SECRETS, key, { data, metadata: { resourceVersion: found.metadata.resourceVersion } });
    const given = Object.fromEntries(Object.entries(data).filter((entry): entry is [string, string] => entry[1] !== null));
    return await client.create(SECRETS, { type: 'Opaque', metadata: { ...key, labels: { ...MANAGED_BY } }, data: given });
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
    return (await client.get(SECRETS, key))!;
  }
}

export function openServing(options: ServingOptions): Serving {
  const { client, namespace, log } = options;
  const secrets = new Reflector(client, SECRETS, { namespace, fieldSelector: `metadata.name=${SERVING}`, log });
  let known: HeldCertificates | undefined;
  const held = (): HeldCertificates => {
    if (!known) throw new Error('the serving certificate is not read yet: start it first');
    return known;
  };
  const followers: ((pair: TlsPair) => void)[] = [];
  const take = (secret: Secret): void => {
    const next = heldCertificates(secret);
    if (!next) return log({ level: 'warn', message: `Secret ${SERVING} is damaged; the last good certificate stays in use` });
    const renewed = next.leaf.cert !== held().leaf.cert;
    known = next;
    if (renewed) for (const follower of followers) follower(next.leaf);
  };
  const { names, lifetimes } = options;
  return {
    secrets,
    terms: { names, lifetimes },
    async start() {
      known = heldCertificates(await readOrCreate(options));
      secrets.subscribe({ added: take, updated: take });
      secrets.start();
    },
    current: () => held().leaf,
    signing: () => held().signing,
    bundle: () => bundleOf(held()),
    follow: (renewed) => void followers.push(renewed),
    stop: () => secrets.stop(),
  };
}
