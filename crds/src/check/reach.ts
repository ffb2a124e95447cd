/** Rules that can never decide, because an earlier one takes everything that they match. */
import type { Rule, RuleMatch } from '../types.js';

const FOLDED: ReadonlySet<string> = new Set(['verbs']);

function takes(earlier: RuleMatch, later: RuleMatch, field: keyof RuleMatch): boolean {
  const wide: readonly string[] | undefined = earlier[field];
  const narrow: readonly string[] | undefined = later[field];
  if (!wide) return true;
  if (!narrow) return false;
  const fold = (text: string): string => (FOLDED.has(field) ? text.toUpperCase() : text);
  const known = new Set(wide.map(fold));
  return narrow.every((text) => known.has(fold(text)));
}

const FIELDS = Object.keys({
  targets: 0,
  verbs: 0,
  effects: 0,
  resources: 0,
  agents: 0,
  groups: 0,
  users: 0,
} satisfies Record<keyof RuleMatch, 0>) as (keyof RuleMatch)[];

/** The earlier rule that hides the one at `index`. Globs are compared as written, so some hidden rules are not found. */
export function hiddenBy(rules: readonly Rule[], index: number): Rule | undefined {
  const later = rules[index]!;
  return rules.slice(0, index).find((earlier) => !earlier.when && FIELDS.every((field) => takes(earlier.match, later.match, field)));
}
