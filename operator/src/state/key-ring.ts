/** The key ring in a Secret: every replica follows it, and a rotation counts once whoever asks for it. */
import type { SigningAlgorithm } from '@cairn/identity';
import { hasStatus, SECRETS, type KubernetesClient, type Reflector, type Secret } from '../kubernetes/index.js';
import { Problem } from '../service/http/problem.js';
import { loadKeys, newKeys, rotatedKeys, type LoadedKeys, type StoredKeys } from '../service/key-ring.js';
import type { KeyRing } from '../service/stores.js';
import { KEY_OVERLAP_SECONDS } from './limits.js';
import { MANAGED_BY, revisionOf } from './resources.js';

export const SIGNING_KEYS = 'cairn-signing-keys';
const ENTRY = 'keys.json';
/** When the next key was published, RFC 3339. */
const PUBLISHED = 'cairn.dev/published';

export interface ClusterKeyRing extends KeyRing {
  /** When the next key was published, milliseconds. */
  readonly published: number;
  close(): void;
}

export interface KeyRingOptions {
  client: KubernetesClient;
  /** Of the one Secret. */
  secrets: Reflector<Secret>;
  namespace: string;
  clock: () => number;
  alg?: SigningAlgorithm;
  overlapSeconds?: number;
  log: (message: string) => void;
}

interface Held {
  keys: LoadedKeys;
  published: number;
  revision: number;
}

function content(keys: StoredKeys, now: number): Pick<Secret, 'data'> & { metadata: { annotations: Record<string, string> } } {
  return {
    metadata: { annotations: { [PUBLISHED]: new Date(now).toISOString() } },
    data: { [ENTRY]: Buffer.from(JSON.stringify(keys)).toString('base64') },
  };
}

async function read(secret: Secret): Promise<Held> {
  const text = secret.data?.[ENTRY];
  if (!text) throw new Error(`Secret ${SIGNING_KEYS} has no entry ${ENTRY}; restore it, or delete the Secret to begin with new keys`);
  const keys = await loadKeys(JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as StoredKeys);
  return { keys, published: Date.parse(secret.metadata.annotations?.[PUBLISHED] ?? '1970-01-01'), revision: revisionOf(secret) };
}

class SecretKeyRing implements ClusterKeyRing {
  #held: Held;
  readonly #unsubscribe: () => void;
  /** Secrets are taken one after another: importing a key takes a turn. */
  #taking: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: KeyRingOptions,
    held: Held,
  ) {
    this.#held = held;
    const take = (secret: Secret): void => this.#follow(() => this.#take(secret));
    this.#unsubscribe = options.secrets.subscribe({ added: take, updated: take, deleted: () => this.#follow(() => this.#restore()) });
  }

  get current(): KeyRing['current'] {
    return this.#held.keys.current;
  }

  get published(): number {
    return this.#held.published;
  }

  jwks(): ReturnType<KeyRing['jwks']> {
    return this.#held.keys.jwks;
  }

  /** Does nothing where another replica was first. Throws Problem 409 while the next key is too young to be known everywhere. */
  async rotate(): Promise<void> {
    const { client, namespace, clock, alg = 'ES256', overlapSeconds = KEY_OVERLAP_SECONDS } = this.options;
    const { keys, published, revision } = this.#held;
    if (clock() - published < overlapSeconds * 1000) {
      throw new Problem(409, 'too-soon', `the next key is published for less than ${overlapSeconds} seconds; rotate later`);
    }
    const { metadata, data } = content(await rotatedKeys(keys, alg), clock());
    const patch = { data, metadata: { ...metadata, resourceVersion: String(revision) } };
    const key = { namespace, name: SIGNING_KEYS };
    try {
      await this.#take(await client.mergePatch(SECRETS, key, patch));
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
      const newer = await client.get(SECRETS, key);
      if (newer) await this.#take(newer);
    }
  }

  close(): void {
    this.#unsubscribe();
  }

  async #take(secret: Secret): Promise<void> {
    const held = await read(secret);
    if (held.revision > this.#held.revision) this.#held = held;
  }

  /** Somebody deleted the Secret: what was signed must stay verifiable. */
  async #restore(): Promise<void> {
    const { client, namespace } = this.options;
    const { keys, published } = this.#held;
    await this.#take(await createKeys(client, namespace, keys.stored, published));
  }

  #follow(step: () => Promise<void>): void {
    this.#taking = this.#taking.then(step).catch((error: Error) => this.options.log(`signing keys: ${error.message}`));
  }
}

/** Of two replicas that start at once the second takes the first one's. */
async function createKeys(client: KubernetesClient, namespace: string, keys: StoredKeys, now: number): Promise<Secret> {
  const { metadata, data } = content(keys, now);
  const secret: Secret = {
    type: 'Opaque',
    metadata: { ...metadata, namespace, name: SIGNING_KEYS, labels: { ...MANAGED_BY } },
    data: data!,
  };
  try {
    return await client.create(SECRETS, secret);
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
    return (await client.get(SECRETS, { namespace, name: SIGNING_KEYS }))!;
  }
}

/** Reads the keys, or makes them at the installation's first start. */
export async function openClusterKeyRing(options: KeyRingOptions): Promise<ClusterKeyRing> {
  const { client, namespace, clock, alg = 'ES256' } = options;
  const found = await client.get(SECRETS, { namespace, name: SIGNING_KEYS });
  const secret = found ?? (await createKeys(client, namespace, await newKeys(alg), clock()));
  return new SecretKeyRing(options, await read(secret));
}
