import type { Approval, ApprovalRequest } from '@cairn/crds';
import { uuidv7 } from '@cairn/identity';
import { Problem } from '../http/problem.js';
import { APPROVAL_KEPT_SECONDS, APPROVALS_OPEN_COUNT, APPROVALS_OPEN_PER_AGENT_COUNT } from '../limits.js';
import { Journal } from './journal.js';
import type { ApprovalStore, Vote } from '../stores.js';
import { aged, isOpen, newApproval, used, voted } from '../approvals/decide.js';

/** An agent finds only its own approvals by digest. */
function digestKey({ digest, actor }: ApprovalRequest): string {
  return `${actor.agent.namespace}/${actor.agent.name}\n${digest}`;
}

/** Every approval on disk and in memory; a change counts once it is written. */
export class FileApprovals implements ApprovalStore {
  readonly #byId = new Map<string, Approval>();
  /** Open approvals by agent and digest. */
  readonly #open = new Map<string, string>();
  #journal: Journal<Approval> | undefined;

  private constructor(
    private readonly changed: (topic: string) => void,
    private readonly clock: () => number,
  ) {}

  static async open(file: string, changed: (topic: string) => void, clock: () => number): Promise<FileApprovals> {
    const store = new FileApprovals(changed, clock);
    store.#journal = await Journal.open<Approval>(file, { load: (approval) => store.#remember(approval), current: () => store.#kept() });
    return store;
  }

  async request(request: ApprovalRequest): Promise<{ approval: Approval; created: boolean }> {
    const known = this.get(this.#open.get(digestKey(request)) ?? '');
    if (known && isOpen(known)) return { approval: known, created: false };
    this.#checkRoom(request);
    const approval = newApproval(request, uuidv7(), this.clock());
    await this.#save(approval);
    return { approval, created: true };
  }

  find(id: string): Promise<Approval | undefined> {
    return Promise.resolve(this.get(id));
  }

  get(id: string): Approval | undefined {
    const stored = this.#byId.get(id);
    if (!stored) return undefined;
    const approval = aged(stored, this.clock());
    if (approval !== stored) this.#remember(approval);
    return approval;
  }

  list(): Approval[] {
    return [...this.#byId.keys()].map((id) => this.get(id)!);
  }

  vote(id: string, vote: Vote): Promise<Approval> {
    return this.#change(id, (current) => voted(current, vote, this.clock()));
  }

  use(id: string, _namespace: string, event?: string): Promise<Approval> {
    return this.#change(id, (current) => used(current, event));
  }

  /** Applies a change to an approval's present state, so that of two at once the second sees the first. */
  async #change(id: string, decide: (approval: Approval) => Approval): Promise<Approval> {
    const approval = this.get(id);
    if (!approval) throw new Problem(404, 'unknown-approval', 'there is no such approval');
    const changed = decide(approval);
    await this.#save(changed);
    return changed;
  }

  async close(): Promise<void> {
    await this.#journal!.close();
  }

  async #save(approval: Approval): Promise<void> {
    this.#remember(approval);
    await this.#journal!.append(approval);
    this.changed(approval.id);
  }

  #remember(approval: Approval): void {
    this.#byId.set(approval.id, approval);
    const key = digestKey(approval);
    if (isOpen(approval)) this.#open.set(key, approval.id);
    else if (this.#open.get(key) === approval.id) this.#open.delete(key);
  }

  #checkRoom({ actor: { agent } }: ApprovalRequest): void {
    if (this.#open.size >= APPROVALS_OPEN_COUNT) this.#forget();
    const prefix = `${agent.namespace}/${agent.name}\n`;
    let own = 0;
    for (const [key, id] of this.#open) if (key.startsWith(prefix) && isOpen(this.get(id)!)) own++;
    if (own >= APPROVALS_OPEN_PER_AGENT_COUNT || this.#open.size >= APPROVALS_OPEN_COUNT) {
      throw new Problem(429, 'too-many-approvals', 'too many approvals are open; decide on those first');
    }
  }

  /** Drops what came to its end long ago. */
  #forget(): void {
    const kept = new Set([...this.#kept()].map(({ id }) => id));
    for (const id of this.#byId.keys()) if (!kept.has(id)) this.#byId.delete(id);
  }

  *#kept(): Generator<Approval> {
    const since = this.clock() - APPROVAL_KEPT_SECONDS * 1000;
    for (const approval of this.list()) if (isOpen(approval) || Date.parse(approval.expires) > since) yield approval;
  }
}
