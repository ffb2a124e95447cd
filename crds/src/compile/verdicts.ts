/** Verdicts of one policy: one frozen object for each rule, for the default and for what rules can't be asked about. */
import { durationMillis } from '../duration.js';
import type { Verdict } from '../policy.js';
import type { ApprovalRequirement, AuditPolicy, AuditPolicySpec, Level, Mask, Rule } from '../types.js';

export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const satisfies readonly Level[];

export function atLeast(level: Level, least: Level): Level {
  return LEVELS.indexOf(level) < LEVELS.indexOf(least) ? least : level;
}

/** Freezes the whole of a value that nobody else holds. */
export function freezeAll<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(freezeAll);
    Object.freeze(value);
  }
  return value;
}

export function ruleVerdict(policy: string, rule: Rule): Verdict {
  const { name, action, reason, level, delivery, mask, approval } = rule;
  const optional = { ...(reason === undefined ? {} : { reason }), ...(approval ? { approval } : {}) };
  return freezeAll(structuredClone({ action, policy, rule: name, level, delivery, mask, ...optional }));
}

/** Denial by a rule whose `when` could not be evaluated: what can't be decided doesn't pass. */
export function failedVerdict(policy: string, rule: Rule): Verdict {
  const reason = `the condition (when) of rule ${rule.name} could not be evaluated for this operation; what cannot be decided is denied`;
  return freezeAll({ ...denial(policy, rule.level, rule.delivery, reason), rule: rule.name });
}

function denial(policy: string, level: Level, delivery: Verdict['delivery'], reason: string): Verdict {
  return { action: 'Deny', policy, reason, level: atLeast(level, 'Metadata'), delivery, mask: [] };
}

function longestFirst(a: string, b: string): number {
  return durationMillis(b) - durationMillis(a);
}

/** Who may let an ambiguous action pass: the approvers of all rules, by the strictest of their terms. */
function anyApprover(rules: readonly Rule[]): ApprovalRequirement | undefined {
  const requirements = rules.flatMap(({ approval }) => (approval ? [approval] : []));
  if (requirements.length === 0) return undefined;
  return {
    groups: [...new Set(requirements.flatMap(({ groups }) => groups))],
    minimum: Math.max(...requirements.map(({ minimum }) => minimum)),
    timeout: requirements
      .map(({ timeout }) => timeout)
      .toSorted(longestFirst)
      .at(-1)!,
  };
}

function ambiguousVerdict(policy: string, spec: AuditPolicySpec): Verdict {
  const { level, delivery } = spec.default;
  const recorded = atLeast(level, 'Metadata');
  const several = 'several launches may have caused this action';
  const pass = (action: 'Allow' | 'RequireApproval', reason: string, approval?: ApprovalRequirement): Verdict => ({
    ...{ action, policy, reason, level: recorded, delivery, mask: [] },
    ...(approval ? { approval } : {}),
  });
  const { onAmbiguous } = spec.identity;
  if (onAmbiguous === 'Record') return pass('Allow', `${several}; all candidates are recorded (identity.onAmbiguous is Record)`);
  if (onAmbiguous === 'Hold') {
    const approval = anyApprover(spec.rules);
    if (approval) return pass('RequireApproval', `${several} (identity.onAmbiguous is Hold)`, approval);
    return denial(policy, level, delivery, `${several}, identity.onAmbiguous is Hold and no rule names approvers; add an approval rule`);
  }
  const advice = 'pass the cairn-context or traceparent header of the request on with the calls that it causes';
  return denial(policy, level, delivery, `${several} (identity.onAmbiguous is Deny); ${advice}`);
}

function unparsedVerdict(policy: string, { unparsed, default: fallback, rules }: AuditPolicySpec): Verdict {
  const { level, delivery } = fallback;
  if (unparsed === 'Deny')
    return denial(policy, level, delivery, 'the operation could not be parsed, so no rule can judge it (unparsed is Deny)');
  const mask = uniqueMasks(rules.flatMap((rule) => rule.mask));
  const reason = 'the operation could not be parsed; its bytes are recorded (unparsed is Record)';
  return { action: 'Allow', policy, reason, level: atLeast(level, 'Request'), delivery, mask };
}

function undeclaredVerdict(policy: string, { undeclared, default: { level, delivery } }: AuditPolicySpec): Verdict {
  if (undeclared === 'Deny') {
    return denial(
      policy,
      level,
      delivery,
      'no target of the policy declares this destination (undeclared is Deny); declare it in spec.targets',
    );
  }
  const reason = 'no target of the policy declares this destination; it is recorded (undeclared is Record)';
  return { action: 'Allow', policy, reason, level: atLeast(level, 'Metadata'), delivery, mask: [] };
}

function defaultVerdict(policy: string, { default: { action, level, delivery } }: AuditPolicySpec): Verdict {
  if (action === 'Deny') return denial(policy, level, delivery, 'no rule of the policy matches, and its default is Deny');
  return { action, policy, level, delivery, mask: [] };
}

/** Masks without repetition, in order. */
export function uniqueMasks(masks: readonly Mask[]): Mask[] {
  return [...new Map(masks.map((mask) => [JSON.stringify(mask), mask])).values()];
}

export interface Fallbacks {
  default: Verdict;
  undeclared: Verdict;
  unparsed: Verdict;
  ambiguous: Verdict;
  unidentified: Verdict;
}

export function fallbackVerdicts({ metadata: { name }, spec }: AuditPolicy): Fallbacks {
  const { level, delivery } = spec.default;
  const nobody =
    'nobody is known to have set this action in motion, and the policy requires an identity; start the agent through a login or a request with a token';
  return freezeAll(
    structuredClone({
      default: defaultVerdict(name, spec),
      undeclared: undeclaredVerdict(name, spec),
      unparsed: unparsedVerdict(name, spec),
      ambiguous: ambiguousVerdict(name, spec),
      unidentified: denial(name, level, delivery, nobody),
    }),
  );
}
