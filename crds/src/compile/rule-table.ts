/** The rules of one target, laid out by verb and effect, so that a message meets only those that may apply to it. */
import { MAX_KNOWN_VERBS } from '../limits.js';
import { EFFECTS, type Effect, type Operation } from '../operation.js';
import type { Actor, Verdict } from '../policy.js';
import type { Rule } from '../types.js';
import type { CompiledRule } from './rule.js';

interface Entry {
  /** As in the policy. */
  rule: Rule;
  compiled: CompiledRule;
}

type ByEffect = Readonly<Record<Effect, readonly CompiledRule[]>>;

/** Rules in their order; none behind one that is certain, for it decides. */
function reachable(entries: readonly Entry[], effect: Effect): CompiledRule[] {
  const fitting = entries.filter(({ rule }) => !rule.match.effects || rule.match.effects.includes(effect)).map(({ compiled }) => compiled);
  const end = fitting.findIndex(({ certain }) => certain);
  return end < 0 ? fitting : fitting.slice(0, end + 1);
}

function byEffect(entries: readonly Entry[]): ByEffect {
  return Object.fromEntries(EFFECTS.map((effect) => [effect, reachable(entries, effect)])) as Record<Effect, CompiledRule[]>;
}

export class RuleTable {
  /** By verb in upper case, for verbs that a rule names. */
  readonly #named = new Map<string, ByEffect>();
  /** For every other verb. */
  readonly #others: ByEffect;
  /** By verb as it was seen; agents choose verbs, so the memory is bounded. */
  readonly #seen = new Map<string, ByEffect>();

  constructor(entries: readonly Entry[]) {
    const upper = ({ rule }: Entry): string[] | undefined => rule.match.verbs?.map((verb) => verb.toUpperCase());
    this.#others = byEffect(entries.filter(({ rule }) => !rule.match.verbs));
    for (const verb of new Set(entries.flatMap((entry) => upper(entry) ?? []))) {
      this.#named.set(verb, byEffect(entries.filter((entry) => upper(entry)?.includes(verb) ?? true)));
    }
  }

  /** The verdict of the first rule that matches. Allocates nothing once the verb was seen, unless a `when` is asked. */
  match(operation: Operation, actor: Actor): Verdict | undefined {
    const rules = (this.#seen.get(operation.verb) ?? this.#learn(operation.verb))[operation.effect];
    for (let i = 0; i < rules.length; i++) {
      const verdict = rules[i]!.ask(operation, actor);
      if (verdict) return verdict;
    }
    return undefined;
  }

  #learn(verb: string): ByEffect {
    const rules = this.#named.get(verb.toUpperCase()) ?? this.#others;
    if (this.#seen.size < MAX_KNOWN_VERBS) this.#seen.set(verb, rules);
    return rules;
  }
}
