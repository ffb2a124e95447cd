import { EFFECTS, type ApprovalRequest, type ApprovalRequirement, type Bundle, type Effect, type Operation } from '@cairn/crds';
import { fieldsOf, optionalTextField, textField, type Fields } from '../http/fields.js';
import { Problem } from '../http/problem.js';
import { APPROVAL_OPERATIONS_COUNT, REASON_CHARACTERS, SUMMARY_CHARACTERS } from '../limits.js';
import { timeoutSeconds } from './decide.js';

const NAME = 1024;

function texts(value: unknown, name: string): string[] {
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string' && each !== '')) return value as string[];
  throw new Problem(400, 'malformed', `${name} must be a list of texts`);
}

function operation(value: unknown): Operation {
  const fields = fieldsOf(value);
  const { resource, effect, parameters } = fields;
  if (typeof resource !== 'string' || !EFFECTS.includes(effect as Effect))
    throw new Problem(400, 'malformed', 'an operation has no resource or effect');
  return {
    verb: textField(fields, 'verb', NAME),
    resource,
    effect: effect as Effect,
    ...(parameters ? { parameters: fieldsOf(parameters) } : {}),
  };
}

function requirement(value: unknown): ApprovalRequirement {
  const { groups, minimum, timeout } = fieldsOf(value);
  if (!Number.isInteger(minimum) || (minimum as number) < 1)
    throw new Problem(400, 'malformed', 'requirement.minimum must be a whole number from 1');
  if (typeof timeout !== 'string' || !timeoutSeconds(timeout))
    throw new Problem(400, 'malformed', 'requirement.timeout must be a duration like 30m, at most seven days');
  return { groups: texts(groups, 'requirement.groups'), minimum: minimum as number, timeout };
}

function actor(value: unknown): ApprovalRequest['actor'] {
  const fields = fieldsOf(value);
  const agent = fieldsOf(fields['agent']);
  const root = fields['root'] === undefined ? undefined : fieldsOf(fields['root']);
  for (const name of ['iss', 'sub', 'name']) if (root) textField(root, name, NAME);
  textField(agent, 'name', NAME);
  textField(agent, 'namespace', NAME);
  if (fields['launch'] !== undefined) texts(fieldsOf(fields['launch'])['path'], 'actor.launch.path');
  return value as ApprovalRequest['actor'];
}

function operations(value: unknown): Operation[] {
  if (Array.isArray(value) && value.length <= APPROVAL_OPERATIONS_COUNT) return value.map(operation);
  throw new Problem(400, 'malformed', `operations must be a list of at most ${APPROVAL_OPERATIONS_COUNT}`);
}

function digest(fields: Fields): string {
  const value = fields['digest'];
  if (typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value)) return value;
  throw new Problem(400, 'malformed', 'digest must be sha256: and 64 hex digits');
}

export function readApprovalRequest(body: unknown): ApprovalRequest {
  const fields = fieldsOf(body);
  const reason = optionalTextField(fields, 'reason', REASON_CHARACTERS);
  return {
    digest: digest(fields),
    event: textField(fields, 'event', NAME),
    target: textField(fields, 'target', NAME),
    operations: operations(fields['operations']),
    summary: textField(fields, 'summary', SUMMARY_CHARACTERS),
    actor: actor(fields['actor']),
    policy: textField(fields, 'policy', NAME),
    // Empty where no rule but the policy itself holds: an ambiguous attribution.
    rule: fields['rule'] === '' ? '' : textField(fields, 'rule', NAME),
    ...(reason ? { reason } : {}),
    requirement: requirement(fields['requirement']),
  };
}

/** At least as strict as stated: a message of several operations may have been merged to fewer groups, more people, less time. */
function strictest(asked: ApprovalRequirement, stated: ApprovalRequirement): ApprovalRequirement {
  const common = asked.groups.filter((group) => stated.groups.includes(group));
  return {
    groups: common.length > 0 ? common : stated.groups,
    minimum: Math.max(asked.minimum, stated.minimum),
    timeout: timeoutSeconds(asked.timeout)! < (timeoutSeconds(stated.timeout) ?? 0) ? asked.timeout : stated.timeout,
  };
}

/** The requirement that the policy states, where the rule is found: who may approve comes from here, not from the asker. */
export function statedRequirement(request: ApprovalRequest, bundle: Bundle): ApprovalRequest {
  const own = bundle.policies.filter(({ metadata: { namespace } }) => [undefined, request.actor.agent.namespace].includes(namespace));
  const policy = own.find(({ metadata: { name, namespace } }) => request.policy === name || request.policy === `${namespace}/${name}`);
  const stated = policy?.spec.rules.find(({ name }) => name === request.rule)?.approval;
  return stated ? { ...request, requirement: strictest(request.requirement, stated) } : request;
}
