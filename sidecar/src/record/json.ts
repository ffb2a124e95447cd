/**
 * Canonical JSON (RFC 8785) of the parts of an event: members in key order, absent members left out. What repeats (agent,
 * person, launch, verdict, columns) is serialised once and kept beside its object. All of it is text until a batch is written.
 */
import type { Body } from '@cairn/audit';
import type { Operation, Verdict } from '@cairn/crds';
import type { LaunchIdentity } from '@cairn/identity';
import type { Attribution } from '../attribute/attribution.js';
import type { HoldOutcome } from '../guard/guard.js';
import type { Completion, Masked } from './exchange.js';
import { quoted, recordedJson } from './recordable.js';

/** UTF-16 units of one in JSON: `\u0000`. */
const MAX_ESCAPED_UNITS = 6;
/** Names, braces, numbers and hashes of one operation, body, and reference to a payload. */
const OPERATION_UNITS = 100;
const BODY_UNITS = 320;
const PAYLOAD_UNITS = 110;

/** Members, each with the comma that follows it. */
interface IdentityText {
  launch: string;
  root: string;
}

const identities = new WeakMap<LaunchIdentity, IdentityText>();
const verdicts = new WeakMap<Verdict, string>();
const columnLists = new WeakMap<NonNullable<Completion['columns']>, string>();

/** The same text in one piece of memory: what is kept to be joined often must not be a tree of joined strings itself. */
export function flat(text: string): string {
  return Buffer.from(text).toString();
}

/** `"launch":{...},` and `"root":{...},`. */
export function identityText(identity: LaunchIdentity): IdentityText {
  let text = identities.get(identity);
  if (!text) {
    text = { launch: flat(`"launch":${recordedJson(identity.launch)},`), root: flat(`"root":${recordedJson(identity.root)},`) };
    identities.set(identity, text);
  }
  return text;
}

/** `"attribution":{...}` and, where there is one, `,"cause":"..."`; then a comma. */
export function attributionText(attribution: Attribution, cause: string | undefined): string {
  const { candidates, method } = attribution;
  const text = candidates ? `"attribution":${recordedJson({ candidates, method })}` : `"attribution":{"method":"${method}"}`;
  return cause === undefined ? `${text},` : `${text},"cause":"${cause}",`;
}

/** `"decision":{...},"id":"`; `outcome` adds how a hold ended. */
export function decisionText(verdict: Verdict, outcome: HoldOutcome | undefined): string {
  if (outcome) return decisionMember(heldDecision(verdict, outcome));
  let text = verdicts.get(verdict);
  if (text === undefined) {
    text = flat(decisionMember(decision(verdict)));
    verdicts.set(verdict, text);
  }
  return text;
}

function decisionMember(members: Record<string, unknown>): string {
  return `"decision":${recordedJson(members)},"id":"`;
}

function heldDecision(verdict: Verdict, outcome: HoldOutcome): Record<string, unknown> {
  const action = outcome.state === 'approved' ? 'Allow' : 'Deny';
  const approval = { id: outcome.id, state: outcome.state, approvers: outcome.approvers };
  return { ...decision(verdict), action, reason: outcome.message, approval };
}

function decision(verdict: Verdict): Record<string, unknown> {
  const { action, policy, rule, reason } = verdict;
  return { action, policy, ...(rule === undefined ? {} : { rule }), ...(reason === undefined ? {} : { reason }) };
}

/** `"operation":{...},` */
export function operationText(operation: Operation, others: readonly Operation[] | undefined, statement: string | undefined): string {
  let text = `"operation":{"effect":"${operation.effect}"`;
  if (others && others.length > 0) text += `,"others":${recordedJson(others)}`;
  if (operation.parameters) text += `,"parameters":${recordedJson(operation.parameters)}`;
  text += `,"resource":${quoted(operation.resource)}`;
  if (statement !== undefined) text += `,"statement":${quoted(statement)}`;
  return `${text},"verb":${quoted(operation.verb)}},`;
}

/** Of operationText() without others and parameters, at most. */
export function operationUnits({ verb, resource }: Operation, statement: string | undefined): number {
  return OPERATION_UNITS + MAX_ESCAPED_UNITS * (verb.length + resource.length + (statement?.length ?? 0));
}

function payloadText(body: Body): string {
  if (!body.payload || body.payload.length === 0) return '';
  let text = '"payload":[';
  for (const [index, each] of body.payload.entries()) {
    const comma = index === 0 ? '' : ',';
    text += `${comma}{"length":${each.length},"offset":${each.offset},"record":${each.record},"type":${quoted(each.type)}}`;
  }
  return `${text}],`;
}

function payloadUnits({ payload }: Body): number {
  let units = 0;
  for (const { type } of payload ?? []) units += PAYLOAD_UNITS + MAX_ESCAPED_UNITS * type.length;
  return units;
}

/** Of requestText(), at most. */
export function requestUnits(body: Body | undefined): number {
  return body ? BODY_UNITS + payloadUnits(body) : 0;
}

/** `"request":{...},` */
export function requestText(body: Body | undefined): string {
  if (!body) return '';
  const hash = body.sha256 === undefined ? '' : `"sha256":"${body.sha256}",`;
  return `"request":{${payloadText(body)}${hash}"size":${body.size}${body.truncated ? ',"truncated":true' : ''}},`;
}

/** Columns are the same object for every execution of a described statement. */
function columnsText(columns: NonNullable<Completion['columns']>): string {
  let text = columnLists.get(columns);
  if (text === undefined) {
    text = flat(`"columns":${recordedJson(columns)},`);
    columnLists.set(columns, text);
  }
  return text;
}

/** `"response":{...},`; `duration` in milliseconds. */
export function responseText(completion: Completion, duration: number): string {
  const body = completion.response ?? { size: 0 };
  let text = '"response":{';
  if (completion.columns) text += columnsText(completion.columns);
  text += `"duration":${Math.round(duration * 1000) / 1000},`;
  if (completion.error !== undefined) text += `"error":${quoted(completion.error)},`;
  text += payloadText(body);
  if (completion.resourceVersion !== undefined) text += `"resourceVersion":${quoted(completion.resourceVersion)},`;
  if (completion.rows !== undefined) text += `"rows":${completion.rows},`;
  if (body.sha256 !== undefined) text += `"sha256":"${body.sha256}",`;
  return `${text}"size":${body.size},"status":${quoted(completion.status)}${body.truncated ? ',"truncated":true' : ''}},`;
}

/** Of responseText(), at most. */
export function responseUnits({ response, columns, error, resourceVersion, status }: Completion): number {
  const said = status.length + (error?.length ?? 0) + (resourceVersion?.length ?? 0);
  return BODY_UNITS + (response ? payloadUnits(response) : 0) + (columns ? columnsText(columns).length : 0) + MAX_ESCAPED_UNITS * said;
}

/** `"masked":[...],` */
export function maskedText(masked: readonly Masked[] | undefined): string {
  return masked && masked.length > 0 ? `"masked":${recordedJson(masked)},` : '';
}
