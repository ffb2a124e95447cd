/** Verdicts of several operations of one message, made into one. */
import { durationMillis } from '../duration.js';
import { MAX_MERGED_VERDICTS } from '../limits.js';
import type { Verdict } from '../policy.js';
import type { Action, ApprovalRequirement, Delivery } from '../types.js';
import { atLeast, freezeAll, uniqueMasks } from './verdicts.js';

const STRICTNESS: Record<Action, number> = { Allow: 0, RequireApproval: 1, Deny: 2 };
const STRENGTH: Record<Delivery, number> = { BestEffort: 0, Durable: 1, Strict: 2 };

/** Both requirements in one: people who may approve both, the higher minimum, the shorter time. */
function bothApprovals(a: ApprovalRequirement, b: ApprovalRequirement): ApprovalRequirement | undefined {
  const groups = a.groups.filter((group) => b.groups.includes(group));
  if (groups.length === 0) return undefined;
  const timeout = durationMillis(a.timeout) <= durationMillis(b.timeout) ? a.timeout : b.timeout;
  return { groups, minimum: Math.max(a.minimum, b.minimum), timeout };
}

function mergeTwo(a: Verdict, b: Verdict): Verdict {
  const winner = STRICTNESS[b.action] > STRICTNESS[a.action] ? b : a;
  const level = atLeast(a.level, b.level);
  const delivery = STRENGTH[b.delivery] > STRENGTH[a.delivery] ? b.delivery : a.delivery;
  const merged: Verdict = { ...winner, level, delivery, mask: uniqueMasks([...a.mask, ...b.mask]) };
  if (a.action !== 'RequireApproval' || b.action !== 'RequireApproval' || !a.approval || !b.approval) return merged;
  const approval = bothApprovals(a.approval, b.approval);
  if (approval) return { ...merged, approval };
  const { approval: _approval, ...rest } = merged;
  const reason = `one message needs approvals that no group can give together (rules ${a.rule} and ${b.rule}); send its operations one by one`;
  return { ...rest, action: 'Deny', reason };
}

/**
 * Merges verdicts of one policy. The same combination gives the same object in whatever order its operations come, as long as
 * there are no more than MAX_MERGED_VERDICTS of them; then the memory starts again empty.
 */
export class VerdictMerger {
  /** Position of each verdict in its policy: decides whose rule is named when two are equally strict. */
  readonly #members = new Map<Verdict, readonly number[]>();
  readonly #pairs = new Map<Verdict, Map<Verdict, Verdict>>();
  readonly #combinations = new Map<string, Verdict>();
  readonly #inOrder: readonly Verdict[];

  constructor(inOrder: readonly Verdict[]) {
    this.#inOrder = inOrder;
    this.#begin();
  }

  #begin(): void {
    this.#members.clear();
    this.#pairs.clear();
    this.#combinations.clear();
    this.#inOrder.forEach((verdict, index) => this.#members.set(verdict, [index]));
  }

  /** `a` and `b` are verdicts of the policy or results of this merger. */
  merge(a: Verdict, b: Verdict): Verdict {
    if (a === b) return a;
    const known = this.#pairs.get(a)?.get(b);
    return known ?? this.#remember(a, b);
  }

  #remember(a: Verdict, b: Verdict): Verdict {
    const members = [...new Set([...this.#membersOf(a), ...this.#membersOf(b)])].toSorted((one, other) => one - other);
    const key = members.join();
    let merged = this.#combinations.get(key);
    if (!merged) {
      if (this.#combinations.size >= MAX_MERGED_VERDICTS) this.#begin();
      merged =
        members.length === 1 ? this.#inOrder[members[0]!]! : freezeAll(members.map((index) => this.#inOrder[index]!).reduce(mergeTwo));
      this.#combinations.set(key, merged);
      this.#members.set(merged, members);
    }
    const row = this.#pairs.get(a) ?? new Map<Verdict, Verdict>();
    this.#pairs.set(a, row.set(b, merged));
    return merged;
  }

  #membersOf(verdict: Verdict): readonly number[] {
    const members = this.#members.get(verdict);
    if (!members) throw new Error('a verdict of another policy cannot be merged');
    return members;
  }
}
