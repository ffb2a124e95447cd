/** Approvals as Approval objects: asked for by the service, decided by whoever updates them, used once among all replicas. */
import { API_VERSION, type Approval, type ApprovalObject, type ApprovalRequest, type StoredVote } from '@cairn/crds';
import { hasStatus, type KubernetesClient, type ObjectKey, type Reflector } from '../kubernetes/index.js';
import { withVote } from '../service/approvals/admit.js';
import { isOpen, used } from '../service/approvals/decide.js';
import { approvalOf } from '../service/approvals/object.js';
import { signedVotes } from '../service/approvals/signature.js';
import { Problem } from '../service/http/problem.js';
import { APPROVALS_OPEN_COUNT, APPROVALS_OPEN_PER_AGENT_COUNT } from '../service/limits.js';
import type { ApprovalStore, KeyRing, Vote } from '../service/stores.js';
import { approvalName, countOf } from './approval-name.js';
import { changed } from './conflicts.js';
import { APPROVAL_NAMES_COUNT } from './limits.js';
import { APPROVALS, MANAGED_BY, revisionOf } from './resources.js';

interface Held {
  object: ApprovalObject;
  /** Those whose signature holds. */
  votes: StoredVote[];
}

export interface ClusterApprovalsOptions {
  client: KubernetesClient;
  approvals: Reflector<ApprovalObject>;
  keys: KeyRing;
  clock: () => number;
  notify: (topic: string) => void;
  log: (message: string) => void;
}

const keyOf = ({ metadata: { namespace, name } }: ApprovalObject): ObjectKey => ({ namespace, name });
const agentOf = ({ actor: { agent } }: ApprovalRequest): string => `${agent.namespace}/${agent.name}`;
const unknown = (): Problem => new Problem(404, 'unknown-approval', 'there is no such approval');

export class ClusterApprovals implements ApprovalStore {
  readonly #held = new Map<string, Held>();
  /** Names by agent. */
  readonly #byAgent = new Map<string, Set<string>>();
  readonly #unsubscribe: () => void;

  constructor(private readonly options: ClusterApprovalsOptions) {
    const take = (object: ApprovalObject): void => {
      this.#take(object).catch((error: Error) => options.log(`approval ${object.metadata.name}: ${error.message}`));
    };
    this.#unsubscribe = options.approvals.subscribe({ added: take, updated: take, deleted: (object) => this.#forget(object) });
  }

  async request(request: ApprovalRequest): Promise<{ approval: Approval; created: boolean }> {
    const own = [...(this.#byAgent.get(agentOf(request)) ?? [])].map((name) => this.#held.get(name)!);
    const same = own.filter(({ object }) => object.spec.request.digest === request.digest);
    const open = same.map((held) => this.#approval(held)).find(isOpen);
    if (open) return { approval: open, created: false };
    this.#checkRoom(own);
    const first = Math.max(-1, ...same.map(({ object }) => countOf(object)!)) + 1;
    return this.#create(request, first);
  }

  get(id: string): Approval | undefined {
    const held = this.#held.get(id);
    return held && this.#approval(held);
  }

  async find(id: string, namespace: string): Promise<Approval | undefined> {
    return this.get(id) ?? (await this.#read({ namespace, name: id }));
  }

  list(): Approval[] {
    return [...this.#held.values()].map((held) => this.#approval(held));
  }

  async vote(id: string, vote: Vote): Promise<Approval> {
    const held = this.#held.get(id);
    if (!held) throw unknown();
    const { client, keys, clock } = this.options;
    const decide = async (object: ApprovalObject): Promise<object> => {
      const { votes } = (await withVote(object, vote, keys, clock())).spec;
      return { spec: { votes } };
    };
    return this.#changed(await changed(client, APPROVALS, keyOf(held.object), { known: held.object, decide }));
  }

  async use(id: string, namespace: string, event?: string): Promise<Approval> {
    const { client, keys, clock } = this.options;
    const decide = async (object: ApprovalObject): Promise<object> => {
      const { usedBy } = used(approvalOf(object, await signedVotes(object, keys.jwks()), clock()), event);
      return { status: { used: true, ...(usedBy === undefined ? {} : { usedBy }) } };
    };
    const known = this.#held.get(id)?.object;
    return this.#changed(await changed(client, APPROVALS, { namespace, name: id }, { known, decide, subresource: 'status' }));
  }

  close(): void {
    this.#unsubscribe();
  }

  #approval({ object, votes }: Held): Approval {
    return approvalOf(object, votes, this.options.clock());
  }

  async #changed(object: ApprovalObject | undefined): Promise<Approval> {
    if (!object) throw unknown();
    return (await this.#take(object)) ?? approvalOf(object, [], this.options.clock());
  }

  async #read(key: ObjectKey): Promise<Approval | undefined> {
    const object = await this.options.client.get(APPROVALS, key);
    return object && this.#take(object);
  }

  /** The approval, where the object is one that the operator made. */
  async #take(object: ApprovalObject): Promise<Approval | undefined> {
    if (countOf(object) === undefined) return undefined;
    const { name } = object.metadata;
    const votes = await signedVotes(object, this.options.keys.jwks());
    const known = this.#held.get(name);
    if (!known || revisionOf(known.object) <= revisionOf(object)) {
      this.#held.set(name, { object, votes });
      const agent = agentOf(object.spec.request);
      this.#byAgent.set(agent, (this.#byAgent.get(agent) ?? new Set()).add(name));
      this.options.notify(name);
    }
    return this.get(name);
  }

  #forget(object: ApprovalObject): void {
    const { name } = object.metadata;
    if (this.#held.get(name)?.object.metadata.uid !== object.metadata.uid) return;
    this.#held.delete(name);
    const agent = agentOf(object.spec.request);
    const names = this.#byAgent.get(agent);
    names?.delete(name);
    if (names?.size === 0) this.#byAgent.delete(agent);
    this.options.notify(name);
  }

  #checkRoom(own: readonly Held[]): void {
    const ofAgent = own.filter((held) => isOpen(this.#approval(held))).length;
    const all = ofAgent < APPROVALS_OPEN_PER_AGENT_COUNT ? this.list().filter(isOpen).length : 0;
    if (ofAgent >= APPROVALS_OPEN_PER_AGENT_COUNT || all >= APPROVALS_OPEN_COUNT) {
      throw new Problem(429, 'too-many-approvals', 'too many approvals are open; decide on those first');
    }
  }

  /** From the first name that may be free: another replica may have taken it for the same bytes. */
  async #create(request: ApprovalRequest, first: number): Promise<{ approval: Approval; created: boolean }> {
    const { namespace } = request.actor.agent;
    for (let count = first; count < first + APPROVAL_NAMES_COUNT; count++) {
      const name = approvalName(request, count);
      const created = await this.#post({ namespace, name, labels: { ...MANAGED_BY } }, request);
      const approval = created ? await this.#take(created) : await this.#read({ namespace, name });
      if (approval && (created || isOpen(approval))) return { approval, created: created !== undefined };
    }
    throw new Problem(429, 'too-many-approvals', 'the same bytes were approved too often; wait until those are cleared away');
  }

  /** undefined: there is one of this name. */
  async #post(metadata: ApprovalObject['metadata'], request: ApprovalRequest): Promise<ApprovalObject | undefined> {
    const object: ApprovalObject = { apiVersion: API_VERSION, kind: 'Approval', metadata, spec: { request, votes: [] } };
    try {
      return await this.options.client.create(APPROVALS, object);
    } catch (error) {
      if (hasStatus(error, 409)) return undefined;
      if (hasStatus(error, 422)) throw new Problem(400, 'malformed', error.message);
      throw error;
    }
  }
}
