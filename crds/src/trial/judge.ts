/** Asks a compiled policy about a case and compares. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Operation } from '../operation.js';
import type { CompiledPolicy, Verdict } from '../policy.js';
import type { Expectation, PolicyCase } from './cases.js';

export interface Difference {
  /** `action`, `rule`, `approval.groups`, ... */
  field: string;
  expected: unknown;
  actual: unknown;
}

/** What the policy says. `operations` undefined: the statement could not be parsed. */
export function judgeCase(
  policy: CompiledPolicy,
  { target, actor, ambiguous }: PolicyCase,
  operations: readonly Operation[] | undefined,
): Verdict {
  if (ambiguous && policy.ambiguous.action !== 'Allow') return policy.ambiguous;
  if (!actor.root && !ambiguous && policy.spec.identity.required) return policy.unidentified;
  return operations ? policy.matchAll(target, operations, actor) : policy.unparsed;
}

/** Fields of a verdict that are not as expected. */
export function differences(expected: Expectation, verdict: Verdict): Difference[] {
  const { approval, ...rest } = expected;
  const pairs: Difference[] = Object.entries(rest).map(([field, value]) => ({
    field,
    expected: value,
    actual: verdict[field as keyof Verdict] ?? '',
  }));
  for (const [field, value] of Object.entries(approval ?? {})) {
    pairs.push({
      field: `approval.${field}`,
      expected: value,
      actual: verdict.approval?.[field as 'groups' | 'minimum' | 'timeout'] ?? '',
    });
  }
  return pairs.filter((pair) => !isDeepStrictEqual(pair.expected, pair.actual));
}
