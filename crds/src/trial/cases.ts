/** Cases of `cairn policy test`: what an agent would do, and what the policy must say to it. */
import { checkCelRules } from '../check/cel-rules.js';
import type { Finding, Problem } from '../check/finding.js';
import { checkShape, strict } from '../check/shape.js';
import { MAX_CASES, MAX_CHAIN_DEPTH, MAX_STATEMENT_CHARS } from '../limits.js';
import type { Effect, Operation } from '../operation.js';
import type { Verdict } from '../policy.js';
import { readDocuments } from '../parse/documents.js';
import { withDefaults } from '../schema/defaults.js';
import { formatted } from '../schema/formats.js';
import { effect } from '../schema/rule.js';
import { flag, listOf, object, oneOf, text, whole, type Schema } from '../schema/structural.js';
import type { Action, Delivery, Level, Mask } from '../types.js';

export interface CaseActor {
  root?: { iss: string; sub: string; name: string; groups: string[]; authn: string };
  launch: { id: string; chain: string; depth: number; path: string[] };
  agent: { name: string; namespace: string };
}

/** What a verdict must be; fields left out may be anything. `rule: ""` is no rule, which is the policy's own default. */
export interface Expectation extends Partial<Pick<Verdict, 'reason'>> {
  action?: Action;
  rule?: string;
  level?: Level;
  delivery?: Delivery;
  mask?: Mask[];
  approval?: { groups?: string[]; minimum?: number; timeout?: string };
}

export interface PolicyCase {
  name: string;
  /** Needed where the file of policies holds several. */
  policy?: string;
  target: string;
  /** Exactly one of `operations` and `sql`; a single `operation` of the file is read as a list of one. */
  operations?: Operation[];
  sql?: string;
  /** The launch cannot be told: several may have caused the action. */
  ambiguous: boolean;
  actor: CaseActor;
  expect: Expectation;
}

const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, default: {} };

const operation = object(
  'One operation.',
  {
    verb: text('Verb.'),
    resource: { type: 'string', default: '' },
    effect: { ...effect, default: 'write' satisfies Effect },
    parameters: anything,
  },
  { required: ['verb'] },
);

const root = object(
  'The person.',
  {
    iss: text('Issuer.', { default: 'https://issuer.example' }),
    sub: text('Subject.', { default: 'subject' }),
    name: text('Name.'),
    groups: listOf('Groups.', text('One group.'), { max: 1024, initial: [] }),
    authn: oneOf<'oidc' | 'saml' | 'kubernetes'>('How.', { oidc: '', saml: '', kubernetes: '' }, 'oidc'),
  },
  { required: ['name'] },
);

const actor = object(
  'Who acts.',
  {
    root,
    launch: object(
      'The launch.',
      {
        id: text('Id.', { default: 'launch' }),
        chain: text('Chain.', { default: 'launch' }),
        depth: whole('Depth.', 1, MAX_CHAIN_DEPTH, 1),
        path: listOf('Agents.', text('One agent.'), { max: MAX_CHAIN_DEPTH, initial: [] }),
      },
      { default: {} },
    ),
    agent: object(
      'The agent.',
      { name: text('Name.', { default: 'agent' }), namespace: text('Namespace.', { default: 'default' }) },
      { default: {} },
    ),
  },
  { default: {} },
);

const expectation = object('What the verdict must be.', {
  action: oneOf<Action>('Action.', { Allow: '', Deny: '', RequireApproval: '' }),
  rule: { type: 'string', maxLength: 63 },
  reason: { type: 'string', maxLength: 1024 },
  level: oneOf<Level>('Level.', { None: '', Metadata: '', Request: '', RequestResponse: '' }),
  delivery: oneOf<Delivery>('Delivery.', { Strict: '', Durable: '', BestEffort: '' }),
  mask: listOf('Masks.', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, { max: 64 }),
  approval: object('Approval.', {
    groups: listOf('Groups.', text('One group.'), { max: 64 }),
    minimum: whole('Minimum.', 1, 16),
    timeout: formatted('Timeout.', 'duration'),
  }),
} satisfies Record<keyof Expectation, Schema>);

const policyCase = object(
  'One case.',
  {
    name: text('What the case shows.'),
    policy: formatted('The policy.', 'subdomain'),
    target: formatted('A declared target.', 'label'),
    operation,
    operations: listOf('Operations of one message.', operation, { max: 256 }),
    sql: text('Statements of one message.', { maxLength: MAX_STATEMENT_CHARS }),
    ambiguous: flag('Several launches may have caused it.', false),
    actor,
    expect: expectation,
  },
  {
    required: ['name', 'target', 'expect'],
    'x-kubernetes-validations': [
      {
        rule: '[has(self.operation), has(self.operations), has(self.sql)].filter(x, x).size() == 1',
        message: 'a case has exactly one of operation, operations and sql',
      },
    ],
  },
);

const casesFile = object(
  'A file of cases.',
  {
    policy: formatted('The policy of cases that name none.', 'subdomain'),
    cases: listOf('The cases.', policyCase, { min: 1, max: MAX_CASES }),
  },
  { required: ['cases'] },
);

const shape = strict(casesFile);

type WrittenCase = PolicyCase & { operation?: Operation };

function readCases(value: unknown): { cases: PolicyCase[] } | { findings: Finding[] } {
  const wrong = checkShape(shape, value);
  if (wrong.length > 0) return { findings: wrong };
  const complete = withDefaults(casesFile, value) as { policy?: string; cases: WrittenCase[] };
  const broken = checkCelRules(casesFile, complete, []);
  if (broken.length > 0) return { findings: broken };
  const shared = complete.policy === undefined ? {} : { policy: complete.policy };
  const cases = complete.cases.map(({ operation: only, ...rest }) => ({ ...shared, ...rest, ...(only ? { operations: [only] } : {}) }));
  return { cases };
}

/** Reads a file of cases: `{policy?, cases: [{name, target, operation | operations | sql, actor?, expect}]}`. Never throws. */
export function parsePolicyCases(content: string, file: string): { cases: PolicyCase[]; problems: Problem[] } {
  const cases: PolicyCase[] = [];
  const problems = readDocuments(content, file, (value) => {
    const read = readCases(value);
    if ('findings' in read) return read.findings;
    cases.push(...read.cases);
    return [];
  });
  return { cases, problems };
}
