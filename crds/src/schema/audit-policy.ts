/** Schema of AuditPolicy. */
import { MAX_CHAIN_DEPTH, MAX_NAMES, MAX_RULES, MAX_TARGETS } from '../limits.js';
import type { AuditPolicySpec, LabelSelector } from '../types.js';
import { formatted } from './formats.js';
import { delivery, level, rule } from './rule.js';
import { flag, listOf, object, oneOf, whole, type FieldsOf, type Schema } from './structural.js';
import { target } from './target.js';

const selector = object(
  'Pods that the policy is for when they name none by annotation. Empty: every agent of the namespace.',
  {
    matchLabels: {
      type: 'object',
      description: 'Labels that a pod must all have.',
      maxProperties: MAX_NAMES,
      additionalProperties: { type: 'string', maxLength: 63 },
    },
  } satisfies FieldsOf<LabelSelector>,
  { default: {} },
);

const identity = object(
  'Who may set agents in motion.',
  {
    required: flag('Whether an action without a known person behind it is denied.', true),
    providers: listOf('Names of IdentityProviders that are accepted; empty: all of the cluster.', formatted('One provider.', 'subdomain'), {
      max: MAX_NAMES,
      initial: [],
    }),
    maxDepth: whole('How many agents deep a chain may be.', 1, MAX_CHAIN_DEPTH, 5),
    onAmbiguous: oneOf<AuditPolicySpec['identity']['onAmbiguous']>(
      'An action that several launches may have caused.',
      {
        Deny: 'it is refused',
        Hold: "it waits for a member of the rules' approval groups",
        Record: 'the rules decide, and the evidence names all candidates',
      },
      'Deny',
    ),
    allowLoops: flag('Whether an agent may appear twice in one chain.', false),
  } satisfies FieldsOf<AuditPolicySpec['identity']>,
  { default: {} },
);

const fallback = object(
  'What becomes of an operation that no rule matches.',
  {
    action: oneOf<AuditPolicySpec['default']['action']>('What becomes of it.', { Allow: 'it passes', Deny: 'it is refused' }, 'Deny'),
    level,
    delivery,
  } satisfies FieldsOf<AuditPolicySpec['default']>,
  { default: {} },
);

const targets: Schema = {
  ...listOf('Where agents may go.', target, { max: MAX_TARGETS, initial: [] }),
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
};

const UNIQUE_RULES = 'self.all(r, self.exists_one(s, s.name == r.name))';
const DECLARED_TARGETS = 'self.rules.all(r, !has(r.match.targets) || r.match.targets.all(t, self.targets.exists(x, x.name == t)))';

/** Rules that the offline check also says with the exact place (check/semantics.ts), by the code of its findings. */
export const SAID_PRECISELY: ReadonlyMap<string, string> = new Map([
  [UNIQUE_RULES, 'duplicate'],
  [DECLARED_TARGETS, 'unknown-target'],
]);

const refuseOrRecord = { Deny: 'it is refused', Record: 'it passes and is recorded' };

export const auditPolicySpec = object(
  'What the agents of a namespace may do, and what is kept of it.',
  {
    selector,
    identity,
    egress: oneOf<AuditPolicySpec['egress']>(
      'Who dials the targets.',
      {
        Sidecar: "each agent's own sidecar, which holds their credentials",
        Gateway: "the gateway, which alone holds their credentials and is all that agents' pods may reach (strict mode)",
      },
      'Sidecar',
    ),
    targets,
    rules: {
      ...listOf('Rules in order: the first that matches decides.', rule, { max: MAX_RULES, initial: [] }),
      'x-kubernetes-validations': [{ rule: UNIQUE_RULES, message: 'every rule needs a name of its own; rename one' }],
    },
    default: fallback,
    undeclared: oneOf<AuditPolicySpec['undeclared']>('Traffic to a destination that no target declares.', refuseOrRecord, 'Deny'),
    unparsed: oneOf<AuditPolicySpec['unparsed']>('An operation that cannot be parsed.', refuseOrRecord, 'Deny'),
    retention: object('How long the evidence is kept.', { days: whole('Days.', 1, 36_500) } satisfies FieldsOf<{ days: number }>, {
      required: ['days'],
    }),
  } satisfies FieldsOf<AuditPolicySpec>,
  {
    'x-kubernetes-validations': [
      {
        rule: DECLARED_TARGETS,
        message: 'a rule names a target that is not declared; declare it in spec.targets or correct the name',
      },
      {
        rule: "self.identity.onAmbiguous != 'Hold' || self.rules.exists(r, has(r.approval))",
        message: 'onAmbiguous Hold needs somebody to ask: no rule names approval groups; add one or write Deny',
      },
    ],
  },
);
