/** Schema of Approval: one held operation and what people said of it. */
import { MAX_NAME_CHARS, MAX_NAMES, MAX_REASON_CHARS } from '../limits.js';
import type { ApprovalRequest } from '../approval.js';
import type { Operation } from '../operation.js';
import { formatted } from './formats.js';
import { actor } from './launch.js';
import { approval as requirement, effect } from './rule.js';
import { flag, listOf, object, oneOf, text, type FieldsOf } from './structural.js';
import { status, time } from './status.js';

const operation = object(
  'One operation.',
  {
    verb: text('Verb.', { maxLength: MAX_NAME_CHARS }),
    resource: { type: 'string', description: 'Table, path, object or host.', maxLength: 8192 },
    effect,
    parameters: { type: 'object', description: 'Binds, query or arguments.', 'x-kubernetes-preserve-unknown-fields': true },
  } satisfies FieldsOf<Operation>,
  { required: ['verb', 'resource', 'effect'] },
);

const vote = object(
  "What one person decided. The approver is the API server's own user info, written by admission.",
  {
    approver: object(
      'Who decided.',
      {
        iss: text('Issuer, or `kubernetes`.', { maxLength: 512 }),
        sub: text('Subject.', { maxLength: MAX_NAME_CHARS }),
        name: text('For people to read.', { maxLength: MAX_NAME_CHARS }),
        groups: listOf('Groups.', text('One group.', { maxLength: MAX_NAME_CHARS }), { max: 1024 }),
      },
      { required: ['iss', 'sub', 'name', 'groups'] },
    ),
    decision: oneOf('What was decided.', { approve: '', deny: '' }),
    reason: text('Why.', { maxLength: MAX_REASON_CHARS }),
    time: time('When.'),
  },
  { required: ['approver', 'decision', 'time'] },
);

const request = object(
  'What is asked. Written by the operator; it cannot be changed.',
  {
    digest: formatted('Over target, launch chain and the exact bytes.', 'digest'),
    event: text('Id of the intent event in the evidence.', { maxLength: 64 }),
    target: formatted('The target.', 'label'),
    operations: listOf('What would be done.', operation, { max: 256 }),
    summary: { type: 'string', description: 'What a person reads: the statement, or method and path.', maxLength: 16_384 },
    actor,
    policy: formatted('The policy.', 'subdomain'),
    rule: text('The rule.', { maxLength: 63 }),
    reason: text("The rule's reason.", { maxLength: MAX_REASON_CHARS }),
    requirement,
  } satisfies FieldsOf<ApprovalRequest>,
  {
    required: ['digest', 'event', 'target', 'operations', 'summary', 'actor', 'policy', 'rule', 'requirement'],
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'what is asked cannot be changed; deny it and ask anew' }],
  },
);

export const approvalSpec = object(
  'An operation that waits for people.',
  {
    request,
    votes: listOf('What people decided.', vote, { max: MAX_NAMES, initial: [] }),
  },
  {
    required: ['request'],
    'x-kubernetes-validations': [
      { rule: 'size(self.votes) >= size(oldSelf.votes)', message: 'a vote cannot be taken back; the votes are evidence' },
    ],
  },
);

export const approvalStatus = status({
  state: oneOf('Where it stands.', { pending: '', approved: '', denied: '', expired: '' }),
  expires: time('When it ends unanswered.'),
  used: flag('Whether its bytes have passed; an approval is good for one passage.'),
});
