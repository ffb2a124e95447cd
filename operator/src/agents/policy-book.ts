/** Every AuditPolicy and IdentityProvider as it is in force: read, complete, and the last good one where the present one does not hold. */
import { readResource, type AuditPolicy, type IdentityProvider, type IdentityProviderSpec, type ReadResource } from '@cairn/crds';
import { keyOf, type ApiObject, type Reflector, type StoredPolicy, type StoredProvider } from '../kubernetes/index.js';

export interface PolicyState {
  stored: StoredPolicy;
  /** What agents run by; absent: nothing, none of its versions ever held. */
  inForce?: AuditPolicy;
  /** Of the stored version; none: it is the one in force. */
  problems: ReadResource['problems'];
}

/** What sidecars see of metadata: the rest changes without the policy changing. */
function bare<T extends AuditPolicy | IdentityProvider>(resource: T): T {
  const { name, namespace } = resource.metadata;
  return { ...resource, metadata: { name, ...(namespace ? { namespace } : {}) } };
}

function readStored(object: ApiObject, kind: string): ReadResource {
  return readResource({ ...object, apiVersion: 'cairn.dev/v1alpha1', kind });
}

/** The version that the operator recorded as the last one that held, where it still does. */
function recorded(stored: StoredPolicy): AuditPolicy | undefined {
  const text = stored.status?.lastValid;
  if (text === undefined) return undefined;
  try {
    return readStored({ ...stored, spec: JSON.parse(text) as object } as ApiObject, 'AuditPolicy').policy;
  } catch {
    return undefined;
  }
}

/** Writes of status alone leave the generation as it is. */
function sameSpec(a: ApiObject, b: ApiObject): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.generation !== undefined && a.metadata.generation === b.metadata.generation;
}

export class PolicyBook {
  readonly #states = new Map<string, PolicyState>();
  readonly #byNamespace = new Map<string, AuditPolicy[]>();
  readonly #providers = new Map<string, IdentityProvider>();
  readonly #listeners: ((key: string | undefined) => void)[] = [];
  #providerList: readonly IdentityProvider[] | undefined;
  #providerSpecs: readonly IdentityProviderSpec[] | undefined;

  constructor(policies: Reflector<StoredPolicy>, providers: Reflector<StoredProvider>) {
    providers.subscribe({
      added: (provider) => this.#takeProvider(provider),
      updated: (provider, previous) => void (sameSpec(provider, previous) || this.#takeProvider(provider)),
      deleted: ({ metadata }) => {
        this.#providers.delete(metadata.name!);
        this.#providersChanged();
      },
    });
    policies.subscribe({
      added: (policy) => this.#take(policy),
      updated: (policy, previous) => this.#updated(policy, previous),
      deleted: (policy) => {
        this.#states.delete(keyOf(policy));
        this.#changed(policy);
      },
    });
  }

  /** `namespace/name`. */
  state(key: string): PolicyState | undefined {
    return this.#states.get(key);
  }

  /** Policies in force of a namespace; the same array until one of them changes. */
  inNamespace(namespace: string): readonly AuditPolicy[] {
    const known = this.#byNamespace.get(namespace);
    if (known) return known;
    const prefix = `${namespace}/`;
    const found: AuditPolicy[] = [];
    for (const [key, { inForce }] of this.#states) if (inForce && key.startsWith(prefix)) found.push(inForce);
    this.#byNamespace.set(namespace, found);
    return found;
  }

  /** Policies in force of every namespace. */
  all(): AuditPolicy[] {
    return [...this.#states.values()].flatMap(({ inForce }) => (inForce ? [inForce] : []));
  }

  /** Providers in force; the same array until one of them changes. */
  providers(): readonly IdentityProvider[] {
    return (this.#providerList ??= [...this.#providers.values()].toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name)));
  }

  /** The same for their specs. */
  providerSpecs(): readonly IdentityProviderSpec[] {
    return (this.#providerSpecs ??= this.providers().map(({ spec }) => spec));
  }

  /** Tells of every change of what is in force or of its problems: the policy's key, undefined where a provider changed. Returns what ends that. */
  onChange(listener: (key: string | undefined) => void): () => void {
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }

  #updated(policy: StoredPolicy, previous: StoredPolicy): void {
    const state = this.#states.get(keyOf(policy));
    if (state && sameSpec(policy, previous)) this.#states.set(keyOf(policy), { ...state, stored: policy });
    else this.#take(policy);
  }

  #take(stored: StoredPolicy): void {
    const key = keyOf(stored);
    const { policy, problems } = readStored(stored, 'AuditPolicy');
    const kept = policy ?? this.#states.get(key)?.inForce ?? recorded(stored);
    const inForce = kept && bare(kept);
    this.#states.set(key, { stored, problems, ...(inForce ? { inForce } : {}) });
    this.#changed(stored);
  }

  #changed(policy: StoredPolicy): void {
    this.#byNamespace.delete(policy.metadata.namespace!);
    for (const listener of [...this.#listeners]) listener(keyOf(policy));
  }

  #takeProvider(stored: StoredProvider): void {
    const { provider } = readStored(stored, 'IdentityProvider');
    if (!provider) return;
    this.#providers.set(provider.metadata.name, bare(provider));
    this.#providersChanged();
  }

  #providersChanged(): void {
    this.#providerList = undefined;
    this.#providerSpecs = undefined;
    for (const listener of [...this.#listeners]) listener(undefined);
  }
}
