/** From a request's head to a recorded decision, and to the head that the target gets. */
import type { Operation, Verdict } from '@cairn/crds';
import type { Attribution } from '../../attribute/attribution.js';
import { MaskCounts, type Masker } from '../../guard/mask.js';
import type { HttpContext } from './dialect.js';
import { adjoin } from './frame.js';
import type { RequestHead } from './head.js';
import { describe, plain } from './interpret.js';
import { OpenExchange, bodyOf, keepsRequest } from './open-exchange.js';
import { type Problem, denied, unidentified, unmaskable } from './problem.js';
import { rewriteRequest, upgradeOf } from './rewrite.js';
import type { Routed } from './route.js';

/** What is known of a request body when its head is decided. */
export interface RequestBody {
  raw: Buffer[];
  parts: Buffer[];
  trailers: string | undefined;
  done: boolean;
}

/** A decided request, ready to be forwarded. */
export interface Decided {
  head: RequestHead;
  raw: Buffer;
  route: Routed;
  attribution: Attribution;
  verdict: Verdict;
  masker: Masker | undefined;
  operations: Operation[];
  statement: string;
  counts: MaskCounts;
  upgrade: string | undefined;
  /** Sent in place of the agent's body. */
  amended: Buffer | undefined;
  /** Why it must not go on although the policy lets it. */
  refused: Problem | undefined;
}

const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/; // W3C Trace Context 3.2
const EMPTY_BODY = Object.freeze({ size: 0 });
const NOTHING_MASKED = new MaskCounts();

/** `body` is whole, where the dialect reads it. */
export function decide(context: HttpContext, head: RequestHead, raw: Buffer, route: Routed, body?: Buffer): Decided {
  const { dialect } = context;
  const operations = dialect.interpret(head, route.path, body);
  if (head.traceparent !== undefined && !TRACEPARENT.test(head.traceparent)) head.traceparent = undefined;
  const attribution = context.attribute({ handle: head.handle, traceparent: head.traceparent });
  const verdict = context.decide(operations, attribution);
  const masker = dialect.masker(verdict, operations[0]!, context.target);
  const shown = plain(operations, masker)
    ? { operations, statement: `${operations[0]!.verb} ${operations[0]!.resource}`, counts: NOTHING_MASKED }
    : describe(operations, masker);
  // No spread: an object made with one is slow to make and to read, and this is one a request.
  const decided: Decided = {
    head,
    raw,
    route,
    attribution,
    verdict,
    masker,
    operations: shown.operations,
    statement: shown.statement,
    counts: shown.counts,
    upgrade: upgradeOf(head),
    amended: undefined,
    refused: undefined,
  };
  return verdict.action === 'Deny' ? decided : withAmendment(decided, dialect.amend(context, decided, body));
}

function withAmendment(decided: Decided, amendment: Buffer | Problem | undefined): Decided {
  if (amendment === undefined) return decided;
  return Buffer.isBuffer(amendment) ? { ...decided, amended: amendment } : { ...decided, refused: amendment };
}

/** Records the intent. Where the whole body is known, it stands in the intent; else it follows with the completion. */
export function recordIntent(context: HttpContext, decided: Decided, body: RequestBody | undefined): OpenExchange {
  const { head, verdict, attribution, operations, statement, counts, masker, upgrade } = decided;
  const capture = body && bodyOf(context.record, keepsRequest(verdict), context.target.capture.maxBytes, head);
  if (decided.amended) capture?.addChanged(Buffer.concat(body?.parts ?? []), decided.amended);
  else if (body) for (const part of body.parts) capture!.add(part);
  const whole = !body || body.done;
  const bodiless = head.hasBody ? undefined : EMPTY_BODY;
  const exchange = context.record.intent({
    attribution,
    verdict,
    operation: operations[0]!,
    others: operations.length > 1 ? operations.slice(1) : undefined,
    statement,
    request: capture ? (whole ? capture.finish() : undefined) : bodiless,
    traceparent: head.traceparent,
    masked: masker && counts.masked(verdict.rule ?? ''),
  });
  const seen = masker ? new MaskCounts() : NOTHING_MASKED;
  const open = new OpenExchange(head, operations[0]!, attribution, verdict, masker, seen, upgrade, exchange);
  open.request = whole ? undefined : capture;
  open.requestDone = whole;
  open.last = head.last;
  return open;
}

/** Records what the dialect refuses, the policy denies, or a mask cannot hold; undefined where the request may go on. */
export function recordDenial(context: HttpContext, decided: Decided): { open: OpenExchange; problem: Problem } | undefined {
  const { verdict, statement, masker, upgrade } = decided;
  const refused = context.dialect.refusal(context, decided.head, decided.route.path) ?? decided.refused;
  if (refused) {
    const open = recordIntent(context, { ...decided, verdict: { ...verdict, action: 'Deny', reason: refused.detail } }, undefined);
    return { open, problem: { ...refused, members: { event: open.exchange.id, ...refused.members } } };
  }
  if (verdict.action === 'Deny') {
    const open = recordIntent(context, decided, undefined);
    const event = open.exchange.id;
    return { open, problem: verdict === context.policy()?.unidentified ? unidentified(verdict, event) : denied(verdict, statement, event) };
  }
  if (!masker || upgrade === undefined) return undefined;
  const denial: Verdict = { ...verdict, action: 'Deny', reason: 'a tunnel cannot be masked' };
  const open = recordIntent(context, { ...decided, verdict: denial }, undefined);
  return { open, problem: { ...unmaskable(denial, `it becomes a tunnel (Upgrade: ${upgrade})`, open.exchange.id), status: 403 } };
}

/** Records a request that is denied for what it is, not by a rule. Returns the intent's id. */
export function recordRefusal(context: HttpContext, head: RequestHead | undefined, route: Routed | undefined, problem: Problem): string {
  const attribution = context.attribute({ handle: head?.handle, traceparent: undefined });
  const operations: Operation[] =
    head && route ? context.dialect.interpret(head, route.path) : [{ verb: 'MALFORMED', resource: '', effect: 'write' }];
  const judged = context.decide(head ? operations : undefined, attribution);
  const verdict: Verdict = { ...judged, action: 'Deny', reason: problem.detail };
  const shown = describe(operations, context.dialect.masker(judged, operations[0]!, context.target));
  const exchange = context.record.intent({ attribution, verdict, operation: shown.operations[0]!, statement: shown.statement });
  exchange.complete({ status: String(problem.status), error: problem.code });
  return exchange.id;
}

/** Sends a request with what is known of its body. `event` is the intent's id. */
export function sendRequest(context: HttpContext, decided: Decided, asked: RequestBody | undefined, event: string): void {
  const { wire } = context;
  const { amended } = decided;
  const body = amended ? { raw: [amended], trailers: undefined } : asked;
  const head = rewriteRequest(decided.head, decided.raw, context.dialect.change(context, decided, event));
  const [first, ...more] = body?.raw ?? [];
  const together = first && adjoin(head, first);
  wire.toTarget(together ?? head);
  if (first && !together && first.length > 0) wire.toTarget(first);
  for (const raw of more) if (raw.length > 0) wire.toTarget(raw);
  if (body?.trailers !== undefined) wire.toTarget(Buffer.from(body.trailers, 'latin1'));
}
