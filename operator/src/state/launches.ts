/** Launches and their revocations as AgentLaunch objects. */
import type { AgentLaunch } from '@cairn/crds';
import { IdentityError, RevocationList, type Revocation } from '@cairn/identity';
import { hasStatus, type KubernetesClient, type Reflector } from '../kubernetes/index.js';
import { Problem } from '../service/http/problem.js';
import { REVOCATIONS, type LaunchRecord, type LaunchRecords, type RevocationStore } from '../service/stores.js';
import { changed } from './conflicts.js';
import { AGENT_LAUNCHES, CHAIN_LABEL, MANAGED_BY, POD_UID_LABEL, REVOCATION_FINALIZER, revisionOf } from './resources.js';

/** The object of a launch. It has no owner: what was launched stays on record when its pod is gone. */
export function launchObject({ node, pod, agent, policy }: LaunchRecord): AgentLaunch {
  const { root, launch, ancestors } = node;
  return {
    apiVersion: 'cairn.dev/v1alpha1',
    kind: 'AgentLaunch',
    metadata: {
      namespace: pod.namespace,
      name: launch.id,
      labels: { ...MANAGED_BY, [CHAIN_LABEL]: launch.chain, [POD_UID_LABEL]: pod.uid },
    },
    spec: { root, launch, ancestors, agent, ...(policy ? { policy } : {}), pod: { name: pod.name, uid: pod.uid } },
  };
}

/** The object's revision is the entry's number: every replica numbers in one order, and none tells a newer one before an older. */
function entryOf(object: AgentLaunch): Revocation {
  const { by = 'unknown', time, reason } = object.spec.revoked!;
  const told = time ?? object.metadata.creationTimestamp!;
  return { number: revisionOf(object), launch: object.metadata.name, time: told, by, ...(reason ? { reason } : {}) };
}

function refuseRevoked(object: AgentLaunch | undefined): void {
  if (object?.spec.revoked) throw new IdentityError('revoked', 'the launch was revoked');
}

export class ClusterLaunches implements LaunchRecords {
  constructor(
    private readonly client: KubernetesClient,
    private readonly launches: Reflector<AgentLaunch>,
  ) {}

  async record(launch: LaunchRecord): Promise<void> {
    const key = { namespace: launch.pod.namespace, name: launch.node.launch.id };
    const known = this.launches.store.get(key);
    if (known) return refuseRevoked(known);
    try {
      await this.client.create(AGENT_LAUNCHES, launchObject(launch));
    } catch (error) {
      if (!hasStatus(error, 409)) throw unrecorded(error);
      refuseRevoked(await this.client.get(AGENT_LAUNCHES, key));
    }
  }
}

/** Without a record there is no launch: nobody could revoke it. */
function unrecorded(cause: unknown): IdentityError {
  return new IdentityError('unavailable', 'the launch could not be recorded at the API server; try again shortly', { cause });
}

export class ClusterRevocations implements RevocationStore {
  readonly list = new RevocationList();
  readonly #unsubscribe: () => void;

  constructor(
    private readonly client: KubernetesClient,
    private readonly launches: Reflector<AgentLaunch>,
    private readonly notify: (topic: string) => void,
  ) {
    const take = (object: AgentLaunch): void => void (object.spec.revoked && this.#take(object));
    const gone = (object: AgentLaunch): void => this.list.forget(object.metadata.name);
    this.#unsubscribe = launches.subscribe({ added: take, updated: take, deleted: gone });
  }

  async revoke(launch: string, by: string, time: string, reason?: string): Promise<Revocation> {
    const known = this.list.get(launch) ?? this.#take(await this.#patched(launch, { by, time, ...(reason ? { reason } : {}) }));
    return known;
  }

  close(): void {
    this.#unsubscribe();
  }

  #take(object: AgentLaunch): Revocation {
    const { name } = object.metadata;
    const known = this.list.get(name);
    if (known) return known;
    this.list.add(entryOf(object));
    this.notify(REVOCATIONS);
    return this.list.get(name)!;
  }

  async #patched(launch: string, revoked: AgentLaunch['spec']['revoked'] & object): Promise<AgentLaunch> {
    const found = await this.#find(launch);
    const object =
      found &&
      (await changed(
        this.client,
        AGENT_LAUNCHES,
        { namespace: found.metadata.namespace, name: launch },
        {
          known: found,
          decide: ({ spec, metadata: { finalizers = [] } }) =>
            spec.revoked ? undefined : { metadata: { finalizers: [...new Set([...finalizers, REVOCATION_FINALIZER])] }, spec: { revoked } },
        },
      ));
    if (!object) throw new Problem(404, 'unknown-launch', `there is no launch ${launch}`);
    return object;
  }

  async #find(name: string): Promise<AgentLaunch | undefined> {
    const [known] = this.launches.store.by('name', name);
    if (known) return known;
    const { items } = await this.client.list(AGENT_LAUNCHES, { fieldSelector: `metadata.name=${name}` });
    return items[0];
  }
}
