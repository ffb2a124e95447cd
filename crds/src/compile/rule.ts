/** One rule, ready to be asked. */
import type { Operation } from '../operation.js';
import type { Actor, Verdict } from '../policy.js';
import type { Rule, Target } from '../types.js';
import { compileCondition } from './condition.js';
import { compileGlob, type Glob } from './glob.js';

/** The verdict when the rule matches; undefined: the next rule is asked. `verb` is the operation's in upper case. */
export type CompiledRule = (verb: string, operation: Operation, actor: Actor) => Verdict | undefined;

function setOf(values: readonly string[] | undefined): ReadonlySet<string> | undefined {
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

/** `target`: the one that the rule is compiled for, as `when` sees it. `failed`: the verdict when `when` can't be evaluated. */
export function compileRule(rule: Rule, target: Target | undefined, verdict: Verdict, failed: Verdict): CompiledRule {
  const { match } = rule;
  const verbs = setOf(match.verbs?.map((verb) => verb.toUpperCase()));
  const effects = setOf(match.effects);
  const exact = setOf(match.resources?.filter((pattern) => !pattern.includes('*')));
  const globs = match.resources?.filter((pattern) => pattern.includes('*')).map(compileGlob) ?? [];
  const agents = setOf(match.agents);
  const groups = setOf(match.groups);
  const users = setOf(match.users);
  const condition = rule.when === undefined ? undefined : compileCondition(rule.when);
  return (verb, operation, actor) => {
    if (verbs && !verbs.has(verb)) return undefined;
    if (effects && !effects.has(operation.effect)) return undefined;
    if (exact && !exact.has(operation.resource) && !anyMatches(globs, operation.resource)) return undefined;
    if (agents && !agents.has(actor.agent.name)) return undefined;
    if (groups && !(actor.root && anyIn(actor.root.groups, groups))) return undefined;
    if (users && !(actor.root && users.has(actor.root.name))) return undefined;
    if (!condition) return verdict;
    try {
      return condition(target, operation, actor) ? verdict : undefined;
    } catch {
      return failed;
    }
  };
}
