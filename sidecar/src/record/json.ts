/**
 * Canonical JSON (RFC 8785) of the parts of an event, written as text: members in key order, absent members left out.
 * What repeats (agent, person, launch, verdict) is serialised once and kept beside its object.
 */
import { canonicalJson, type Body } from '@cairn/audit';
import type { Operation, Verdict } from '@cairn/crds';
import type { LaunchIdentity } from '@cairn/identity';
import type { Attribution } from '../attribute/attribution.js';
import type { HoldOutcome } from '../guard/guard.js';
import type { Completion, Masked } from './exchange.js';

interface IdentityText {
  launch: string;
  root: string;
}

const identities = new WeakMap<LaunchIdentity, IdentityText>();
const verdicts = new WeakMap<Verdict, string>();

/** `"root":{...}` and `"launch":{...}` members of an identity. */
export function identityText(identity: LaunchIdentity): IdentityText {
  let text = identities.get(identity);
  if (!text) {
    text = { launch: `"launch":${canonicalJson(identity.launch)}`, root: `"root":${canonicalJson(identity.root)}` };
    identities.set(identity, text);
  }
  return text;
}

export function attributionText(attribution: Attribution): string {
  const { candidates, method } = attribution;
  if (!candidates) return `"attribution":{"method":"${method}"}`;
  return `"attribution":${canonicalJson({ candidates, method })}`;
}

/** The decision member; `outcome` adds how a hold ended. */
export function decisionText(verdict: Verdict, outcome?: HoldOutcome): string {
  if (!outcome) {
    let text = verdicts.get(verdict);
    if (text === undefined) {
      text = `"decision":${canonicalJson(decision(verdict))}`;
      verdicts.set(verdict, text);
    }
    return text;
  }
  const action = outcome.state === 'approved' ? 'Allow' : 'Deny';
  const approval = { id: outcome.id, state: outcome.state, approvers: outcome.approvers };
  return `"decision":${canonicalJson({ ...decision(verdict), action, reason: outcome.message, approval })}`;
}

function decision(verdict: Verdict): Record<string, unknown> {
  const { action, policy, rule, reason } = verdict;
  return { action, policy, ...(rule === undefined ? {} : { rule }), ...(reason === undefined ? {} : { reason }) };
}

export function operationText(operation: Operation, others: readonly Operation[] | undefined, statement: string | undefined): string {
  let text = `"operation":{"effect":"${operation.effect}"`;
  if (others && others.length > 0) text += `,"others":${canonicalJson(others)}`;
  if (operation.parameters) text += `,"parameters":${canonicalJson(operation.parameters)}`;
  text += `,"resource":${JSON.stringify(operation.resource)}`;
  if (statement !== undefined) text += `,"statement":${JSON.stringify(wellFormed(statement))}`;
  return `${text},"verb":${JSON.stringify(operation.verb)}}`;
}

function payloadText(body: Body): string {
  if (!body.payload || body.payload.length === 0) return '';
  let text = '"payload":[';
  for (const [index, each] of body.payload.entries()) {
    const comma = index === 0 ? '' : ',';
    text += `${comma}{"length":${each.length},"offset":${each.offset},"record":${each.record},"type":${JSON.stringify(each.type)}}`;
  }
  return `${text}],`;
}

export function requestText(body: Body): string {
  const hash = body.sha256 === undefined ? '' : `"sha256":"${body.sha256}",`;
  return `"request":{${payloadText(body)}${hash}"size":${body.size}${body.truncated ? ',"truncated":true' : ''}}`;
}

/** `duration` in milliseconds. */
export function responseText(completion: Completion, duration: number): string {
  const body = completion.response ?? { size: 0 };
  let text = '"response":{';
  if (completion.columns) text += `"columns":${canonicalJson(completion.columns)},`;
  text += `"duration":${Math.round(duration * 1000) / 1000},`;
  if (completion.error !== undefined) text += `"error":${JSON.stringify(wellFormed(completion.error))},`;
  text += payloadText(body);
  if (completion.rows !== undefined) text += `"rows":${completion.rows},`;
  if (body.sha256 !== undefined) text += `"sha256":"${body.sha256}",`;
  return `${text}"size":${body.size},"status":${JSON.stringify(completion.status)}${body.truncated ? ',"truncated":true' : ''}}`;
}

export function maskedText(masked: readonly Masked[] | undefined): string {
  if (!masked || masked.length === 0) return '';
  return `,"masked":${canonicalJson(masked)}`;
}

/** RFC 8785 knows no lone surrogates; text that is not Unicode keeps its place with U+FFFD. */
function wellFormed(text: string): string {
  return LONE_SURROGATE.test(text) ? text.replace(LONE_SURROGATES, '\ufffd') : text;
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const LONE_SURROGATES = /\p{Surrogate}/gu;
