/** Schema of Approval: one held operation and what people said of it. */
import { MAX_EVENT_ID_CHARS, MAX_NAME_CHARS, MAX_NAMES, MAX_REASON_CHARS } from '../limits.js';
import type { ApprovalRequest } from '../approval.js';
import type { ApprovalSpec, StoredVote } from '../objects.js';
import type { Operation } from '../operation.js';
import { formatted } from './formats.js';
import { actor } from './launch.js';
import { approval as requirement, effect } from './rule.js';
import { flag, listOf, object, oneOf, text, type FieldsOf, type Schema } from './structural.js';
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
  "What one person decided. The approver is the API server's own user info, or the person of a verified token; written by the operator.",
  {
    voter: text('Issuer and subject: nobody votes twice.', { maxLength: 800 }),
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
    signature: text('JWT of the token service over all of it; a vote without one that holds does not count.', { maxLength: 4096 }),
  } satisfies FieldsOf<StoredVote>,
  {
    required: ['voter', 'approver', 'decision', 'time', 'signature'],
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a vote cannot be changed; the votes are evidence' }],
  },
);

const request = object(
  'What is asked. Written by the operator; it cannot be changed.',
  {
    digest: formatted('Over target, launch chain and the exact bytes.', 'digest'),
    event: text('Id of the intent event in the evidence.', { maxLength: MAX_EVENT_ID_CHARS }),
    target: formatted('The target.', 'label'),
    operations: listOf('What would be done.', operation, { max: 256 }),
    summary: { type: 'string', description: 'What a person reads: the statement, or method and path.', maxLength: 16_384 },
    actor,
    policy: text('The policy, or `namespace/name`.', { maxLength: 320 }),
    rule: { type: 'string', description: 'The rule; empty where the policy itself holds.', maxLength: 63 },
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
    votes: {
      type: 'array',
      description: 'What people decided.',
      items: vote,
      maxItems: MAX_NAMES,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['voter'],
      default: [],
    },
    decision: oneOf('Your decision: admission takes it out again and adds your vote.', { approve: '', deny: '' }),
    reason: text('Why you decide so.', { maxLength: MAX_REASON_CHARS }),
  } satisfies FieldsOf<ApprovalSpec>,
  {
    required: ['request'],
    'x-kubernetes-validations': [
      { rule: 'size(self.votes) >= size(oldSelf.votes)', message: 'a vote cannot be taken back; the votes are evidence' },
    ],
  },
);

const used: Schema = {
  ...flag('Whether its bytes have passed; an approval is good for one passage.'),
  'x-kubernetes-validations': [{ rule: '!oldSelf || self', message: 'an approval that was used stays used' }],
};

const usedBy: Schema = {
  ...text('Id of the event whose passage used it.', { maxLength: MAX_EVENT_ID_CHARS }),
  'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'who used an approval does not change' }],
};

export const approvalStatus = status({
  state: oneOf('Where it stands.', { pending: '', approved: '', denied: '', expired: '' }),
  expires: time('When it ends unanswered.'),
  used,
  usedBy,
});
