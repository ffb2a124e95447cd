/** One rule, ready to be asked. */
import type { Operation } from '../operation.js';
import type { Actor, Verdict } from '../policy.js';
import type { Rule, Target } from '../types.js';
import { compileCondition, type Condition } from './condition.js';
import { compileGlob, type Glob } from './glob.js';

type Names = ReadonlySet<string> | undefined;

function setOf(values: readonly string[] | undefined): Names {
  return values && new Set(values);
}

function anyIn(values: readonly string[], wanted: ReadonlySet<string>): boolean {
  for (let i = 0; i < values.length; i++) if (wanted.has(values[i]!)) return true;
  return false;
}

function anyMatches(globs: readonly Glob[], resource: string): boolean {
  for (let i = 0; i < globs.length; i++) if (globs[i]!(resource)) return true;
  return false;
}

/** What of a rule is left to ask once target, verb and effect are known to fit. */
export class CompiledRule {
  /** Whether there is nothing left to ask: rules behind it are never reached. */
  readonly certain: boolean;
  readonly #verdict: Verdict;
  readonly #failed: Verdict;
  readonly #target: Target | undefined;
  readonly #resources: Names;
  readonly #globs: readonly Glob[];
  readonly #agents: Names;
  readonly #groups: Names;
  readonly #users: Names;
  readonly #condition: Condition | undefined;

  /** `target`: the one that the rule is compiled for, as `when` sees it. `failed`: the verdict when `when` can't be evaluated. */
  constructor({ match, when }: Rule, target: Target | undefined, verdict: Verdict, failed: Verdict) {
    this.#verdict = verdict;
    this.#failed = failed;
    this.#target = target;
    this.#resources = setOf(match.resources?.filter((pattern) => !pattern.includes('*')));
    this.#globs = match.resources?.filter((pattern) => pattern.includes('*')).map(compileGlob) ?? [];
    this.#agents = setOf(match.agents);
    this.#groups = setOf(match.groups);
    this.#users = setOf(match.users);
    this.#condition = when === undefined ? undefined : compileCondition(when);
    this.certain = !this.#resources && !this.#agents && !this.#groups && !this.#users && !this.#condition;
  }

  /** The verdict when the rule matches; undefined: the next rule is asked. */
  ask(operation: Operation, actor: Actor): Verdict | undefined {
    if (this.#agents && !this.#agents.has(actor.agent.name)) return undefined;
    if (this.#users && !(actor.root && this.#users.has(actor.root.name))) return undefined;
    if (this.#groups && !(actor.root && anyIn(actor.root.groups, this.#groups))) return undefined;
    if (this.#resources && !this.#resources.has(operation.resource) && !anyMatches(this.#globs, operation.resource)) return undefined;
    if (!this.#condition) return this.#verdict;
    try {
      return this.#condition(this.#target, operation, actor) ? this.#verdict : undefined;
    } catch {
      return this.#failed;
    }
  }
}
