/** Schema of `spec.rules[]`: what is matched and what becomes of it. */
import {
  MAX_APPROVAL_HOURS,
  MAX_FIELDS,
  MAX_GLOB_CHARS,
  MAX_MASKS,
  MAX_NAME_CHARS,
  MAX_NAMES,
  MAX_REASON_CHARS,
  MAX_RULE_TARGETS,
  MAX_WHEN_CHARS,
} from '../limits.js';
import type { Effect } from '../operation.js';
import type { Action, ApprovalRequirement, Delivery, Detector, Level, Rule, RuleMatch } from '../types.js';
import { formatted } from './formats.js';
import { listOf, object, oneOf, text, whole, type FieldsOf, type Schema } from './structural.js';

const name = (description: string): Schema => text(description, { maxLength: MAX_NAME_CHARS });

export const level = oneOf<Level>(
  'How much of an exchange is kept, as in audit.k8s.io.',
  {
    None: 'that it happened, and nothing of it',
    Metadata: 'operation, identity, sizes and hashes',
    Request: 'and the request body',
    RequestResponse: 'and the response body or the rows',
  },
  'Metadata',
);

export const delivery = oneOf<Delivery>(
  'When the evidence counts as written, before which nothing is forwarded.',
  { Strict: 'when Kafka has acknowledged it', Durable: 'when it is in the spool', BestEffort: 'at once; a gap is recorded as a gap' },
  'Durable',
);

export const effect = oneOf<Effect>('One effect.', { read: '', write: '', admin: '', execute: '' });

const match = object('What the rule is about. Lists are alternatives, fields must all hold; {} matches everything.', {
  targets: listOf('Names of declared targets.', formatted('One target.', 'label'), { min: 1, max: MAX_RULE_TARGETS }),
  verbs: listOf('Verbs as the protocol writes them (SELECT, GET), compared without case.', name('One verb.'), { min: 1, max: MAX_NAMES }),
  effects: listOf('What the operation does to its target.', effect, { min: 1, max: 4 }),
  resources: listOf(
    'Globs over the table (`schema.table` or `table`), path or object: `*` stays within one segment between `/` and `.`, `**` does not, and `**.` or `**/` at the beginning of a segment also stands for nothing.',
    text('One glob.', { maxLength: MAX_GLOB_CHARS }),
    { min: 1, max: MAX_NAMES },
  ),
  agents: listOf('Names of agents.', name('One agent.'), { min: 1, max: MAX_NAMES }),
  groups: listOf('Groups of the person who launched the chain, any of them.', name('One group.'), { min: 1, max: MAX_NAMES }),
  users: listOf('Names of the person who launched the chain.', name('One person.'), { min: 1, max: MAX_NAMES }),
} satisfies FieldsOf<RuleMatch>);

const mask = object(
  'Hides parts of what the agent receives; the whole is kept under seal. Either fields or detect.',
  {
    fields: listOf('Names of columns or JSON members, compared without case.', name('One field.'), { min: 1, max: MAX_FIELDS }),
    detect: listOf(
      'Kinds of values to find in any field.',
      oneOf<Detector>('One kind.', {
        email: '',
        'payment-card': 'numbers that pass the Luhn check',
        iban: '',
        'us-ssn': '',
        phone: '',
        jwt: '',
        'private-key': 'PEM blocks',
      }),
      { min: 1, max: 7 },
    ),
  } satisfies Record<'fields' | 'detect', Schema>,
  {
    'x-kubernetes-validations': [
      { rule: 'has(self.fields) != has(self.detect)', message: 'a mask has either fields or detect; write two masks for both' },
    ],
  },
);

export const approval = object(
  'Who must approve. Required with RequireApproval.',
  {
    groups: listOf('An approver belongs to one of these groups.', name('One group.'), { min: 1, max: MAX_NAMES }),
    minimum: whole('How many different people must approve.', 1, 16, 1),
    timeout: formatted('How long the request stays open, 7 days at most.', 'duration', {
      default: '30m',
      'x-kubernetes-validations': [
        {
          rule: `duration(self) >= duration('1s') && duration(self) <= duration('${MAX_APPROVAL_HOURS}h')`,
          message: `a timeout is between 1s and ${MAX_APPROVAL_HOURS}h; write for example 30m`,
        },
      ],
    }),
  } satisfies FieldsOf<ApprovalRequirement>,
  { required: ['groups'] },
);

export const rule = object(
  'One rule. The first that matches decides.',
  {
    name: formatted('The name that verdicts and evidence carry.', 'label'),
    match,
    when: text(
      'A CEL expression that must also be true, over `operation` {verb, resource, effect, parameters}, `target` {name, protocol}, `root` {iss, sub, name, groups, authn}, `launch` {id, chain, depth, path} and `agent` {name, namespace}. One that fails at run time denies.',
      { maxLength: MAX_WHEN_CHARS },
    ),
    action: oneOf<Action>('What becomes of it.', {
      Allow: 'it passes',
      Deny: "it is refused in the protocol's own words",
      RequireApproval: 'it waits for a person',
    }),
    reason: text('A sentence for the agent and for the evidence.', { maxLength: MAX_REASON_CHARS }),
    level,
    delivery,
    mask: listOf('What is hidden from the agent.', mask, { max: MAX_MASKS, initial: [] }),
    approval,
  } satisfies FieldsOf<Rule>,
  {
    required: ['name', 'match', 'action'],
    'x-kubernetes-validations': [
      {
        rule: "self.action != 'RequireApproval' || has(self.approval)",
        message: 'RequireApproval needs approvers: add `approval: {groups: [...]}`',
      },
      {
        rule: "self.action == 'RequireApproval' || !has(self.approval)",
        message: 'approval has a meaning only with `action: RequireApproval`; change the action or remove approval',
      },
      {
        rule: "self.action != 'Deny' || size(self.mask) == 0",
        message: 'a denied operation returns nothing to mask; remove mask or change the action',
      },
    ],
  },
);
