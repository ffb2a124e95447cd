/** AuditPolicy -> CompiledPolicy: rules laid out by target, so that matching reads only those that may apply. */
import { canonicalHost } from '../hosts.js';
import type { Operation } from '../operation.js';
import type { Actor, CompiledPolicy, Verdict } from '../policy.js';
import type { AuditPolicy, AuditPolicySpec, Target } from '../types.js';
import { VerdictMerger } from './merge.js';
import { CompiledRule } from './rule.js';
import { RuleTable } from './rule-table.js';
import { failedVerdict, fallbackVerdicts, freezeAll, ruleVerdict, type Fallbacks } from './verdicts.js';

class Matcher implements CompiledPolicy {
  readonly name: string;
  readonly spec: AuditPolicySpec;
  readonly undeclared: Verdict;
  readonly unparsed: Verdict;
  readonly ambiguous: Verdict;
  readonly unidentified: Verdict;
  readonly #default: Verdict;
  readonly #addresses = new Map<string, Target>();
  readonly #byTarget = new Map<string, RuleTable>();
  /** Rules that name no target: for traffic whose target is not declared. */
  readonly #anywhere: RuleTable;
  readonly #merger: VerdictMerger;

  constructor(name: string, spec: AuditPolicySpec, fallbacks: Fallbacks) {
    this.name = name;
    this.spec = spec;
    ({
      default: this.#default,
      undeclared: this.undeclared,
      unparsed: this.unparsed,
      ambiguous: this.ambiguous,
      unidentified: this.unidentified,
    } = fallbacks);
    const failures = new Map(spec.rules.map((rule) => [rule, failedVerdict(name, rule)]));
    const verdicts = new Map(spec.rules.map((rule) => [rule, ruleVerdict(name, rule)]));
    const rulesFor = (target: Target | undefined): RuleTable =>
      new RuleTable(
        spec.rules
          .filter(({ match }) => !match.targets || (target && match.targets.includes(target.name)))
          .map((rule) => ({ rule, compiled: new CompiledRule(rule, target, verdicts.get(rule)!, failures.get(rule)!) })),
      );
    for (const target of spec.targets) {
      this.#byTarget.set(target.name, rulesFor(target));
      for (const host of target.hosts) this.#addresses.set(`${canonicalHost(host)}:${target.port}`, target);
    }
    this.#anywhere = rulesFor(undefined);
    const { default: ofDefault, undeclared, unparsed, ambiguous, unidentified } = fallbacks;
    const inOrder = [...verdicts.values(), ofDefault, ...failures.values(), undeclared, unparsed, ambiguous, unidentified];
    this.#merger = new VerdictMerger(inOrder);
  }

  target(host: string, port: number): Target | undefined {
    return this.#addresses.get(`${canonicalHost(host)}:${port}`);
  }

  match(target: string, operation: Operation, actor: Actor): Verdict {
    return (this.#byTarget.get(target) ?? this.#anywhere).match(operation, actor) ?? this.#default;
  }

  matchAll(target: string, operations: readonly Operation[], actor: Actor): Verdict {
    const first = operations[0];
    if (!first) return this.#default;
    let verdict = this.match(target, first, actor);
    for (let i = 1; i < operations.length; i++) verdict = this.#merger.merge(verdict, this.match(target, operations[i]!, actor));
    return verdict;
  }
}

/**
 * An immutable matcher of a complete policy (defaults filled in, no problems found). The policy is copied. Throws
 * ConditionError when a `when` does not compile.
 */
export function compilePolicy(policy: AuditPolicy): CompiledPolicy {
  const own = freezeAll(structuredClone(policy));
  return new Matcher(own.metadata.name, own.spec, fallbackVerdicts(own));
}
