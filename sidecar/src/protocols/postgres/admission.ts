/** Intent before action: attributes, decides and records one statement, waits where the rule says so, then lets it go or refuses it. */
import type { Operation, Verdict } from '@cairn/crds';
import type { Attribution, AttributionHint } from '../../attribute/attribution.js';
import type { HoldOutcome } from '../../guard/guard.js';
import { MASK, type Masker, maskerFor } from '../../guard/mask.js';
import type { Exchange } from '../../record/exchange.js';
import type { Conversation } from './conversation.js';
import { PAYLOAD_TYPE } from './execution.js';
import { MAX_RECORDED_STATEMENT } from './limits.js';
import type { ErrorWords } from './messages.js';
import type { Classified } from './sql/classified.js';

export interface Request {
  text: string;
  classified: Classified | undefined;
  /** undefined: could not be read; `problem` says why. */
  operations: readonly Operation[] | undefined;
  problem?: string | undefined;
  parameters?: Record<string, unknown> | undefined;
  truncated?: boolean;
  hint: AttributionHint;
  /** The message as the agent sent it, for size and seal. */
  bytes: Buffer;
  /** What an approval is bound to. */
  exact: () => readonly Buffer[];
  /** What masks demand and the protocol cannot give, as a sentence. */
  unmaskable?: ((masker: Masker) => string | undefined) | undefined;
}

export interface Admitted {
  exchange: Exchange;
  verdict: Verdict;
  masker: Masker | undefined;
}

const UNREAD: Operation = Object.freeze({ verb: 'UNPARSED', resource: '', effect: 'write' });

/** Calls one of `go` and `refuse`, at once where nothing is to be waited for. */
export function admit(
  conversation: Conversation,
  request: Request,
  go: (admitted: Admitted) => void,
  refuse: (words: ErrorWords) => void,
): void {
  const { context } = conversation;
  const attribution = conversation.attribute(request.hint);
  const operations = withParameters(request.operations, request.parameters);
  const verdict = context.decide(operations, attribution);
  const failing = context.record.refusing;
  if (failing && verdict.delivery !== 'BestEffort')
    return refuse({
      code: '53100',
      message: `evidence cannot be written: ${failing.message}`,
      hint: 'Nothing is let through unrecorded; try again later.',
    });
  const masker = maskerFor(verdict.mask);
  const exchange = record(conversation, request, operations, attribution, verdict, masker);
  const problem = verdict.action === 'Allow' && masker ? request.unmaskable?.(masker) : undefined;
  const denied =
    verdict.action === 'Deny' ? denial(request, verdict) : problem === undefined ? undefined : { code: '42501', message: problem };
  if (denied) {
    exchange.complete({ status: denied.code, error: denied.message });
    return refuse(denied);
  }
  const admitted = { exchange, verdict, masker };
  if (verdict.action === 'Allow' && verdict.delivery !== 'Strict') return go(admitted);
  conversation.hold();
  void wait(conversation, request, operations, attribution, admitted, go, refuse).finally(() => conversation.release());
}

async function wait(
  conversation: Conversation,
  request: Request,
  operations: readonly Operation[] | undefined,
  attribution: Attribution,
  admitted: Admitted,
  go: (admitted: Admitted) => void,
  refuse: (words: ErrorWords) => void,
): Promise<void> {
  const { exchange, verdict, masker } = admitted;
  try {
    if (verdict.action === 'RequireApproval') {
      const outcome = await conversation.context.guard.hold({
        verdict,
        attribution,
        operations: operations ?? [UNREAD],
        summary: masked(request, masker).statement,
        bytes: request.exact(),
        event: exchange.id,
      });
      if (conversation.ended) return exchange.complete({ status: '57P01', error: 'the connection ended while the approval was awaited' });
      exchange.decided(outcome);
      if (outcome.state !== 'approved') {
        const words = outcomeWords(outcome, verdict);
        exchange.complete({ status: words.code, error: words.message });
        return refuse(words);
      }
    }
    await exchange.delivered();
  } catch (error) {
    const words = {
      code: '58030',
      message: `the statement was not let through: ${error instanceof Error ? error.message : String(error)}`,
    };
    exchange.complete({ status: words.code, error: words.message });
    return conversation.ended ? undefined : refuse(words);
  }
  if (conversation.ended) return exchange.complete({ status: '57P01', error: 'the connection ended before the statement was sent' });
  go(admitted);
}

function withParameters(
  operations: readonly Operation[] | undefined,
  parameters: Record<string, unknown> | undefined,
): readonly Operation[] | undefined {
  const first = operations?.[0];
  if (!operations || !first || !parameters) return operations;
  const { verb, resource, effect } = first;
  const bound: Operation = { verb, resource, effect, parameters };
  return operations.length === 1 ? [bound] : [bound, ...operations.slice(1)];
}

function record(
  conversation: Conversation,
  request: Request,
  operations: readonly Operation[] | undefined,
  attribution: Attribution,
  verdict: Verdict,
  masker: Masker | undefined,
): Exchange {
  const { statement, parameters, changed } = masked(request, masker);
  const first = operations?.[0] ?? UNREAD;
  const keepsRequest = verdict.level === 'Request' || verdict.level === 'RequestResponse';
  const shown =
    keepsRequest && parameters ? { verb: first.verb, resource: first.resource, effect: first.effect, parameters } : plain(first);
  const seal =
    changed && keepsRequest
      ? conversation.context.record.body({ keep: true, maxBytes: conversation.context.target.capture.maxBytes, type: PAYLOAD_TYPE })
      : undefined;
  seal?.add(request.bytes);
  return conversation.context.record.intent({
    attribution,
    verdict,
    operation: shown,
    others: operations && operations.length > 1 ? operations.slice(1) : undefined,
    statement,
    request: seal?.finish() ?? { size: request.bytes.length },
    traceparent: request.hint.traceparent,
    masked: changed && masker ? [{ path: 'statement', rule: verdict.rule ?? verdict.policy, count: 1 }] : undefined,
  });
}

function plain(operation: Operation): Operation {
  return operation.parameters ? { verb: operation.verb, resource: operation.resource, effect: operation.effect } : operation;
}

/** Statement and binds as the record may show them; `changed` where the whole is only under seal. */
function masked(
  request: Request,
  masker: Masker | undefined,
): { statement: string; parameters: Record<string, unknown> | undefined; changed: boolean } {
  let statement = request.text;
  let { parameters } = request;
  if (masker) {
    const mentions =
      masker.fields &&
      (!request.classified || request.classified.statements.some((each) => [...each.mentions].some((name) => masker.field(name))));
    if (mentions) statement = withoutLiterals(statement);
    statement = masker.text(statement)?.value ?? statement;
    if (parameters)
      parameters = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, maskedBind(value, masker, mentions)]));
  }
  const hidden =
    statement !== request.text ||
    (masker !== undefined && parameters !== undefined && JSON.stringify(parameters) !== JSON.stringify(request.parameters));
  const long = statement.length > MAX_RECORDED_STATEMENT;
  if (long) statement = `${statement.slice(0, MAX_RECORDED_STATEMENT)}...`;
  return { statement, parameters, changed: hidden || long || request.truncated === true };
}

function maskedBind(value: unknown, masker: Masker, mentions: boolean): unknown {
  if (value === null) return null;
  if (mentions) return MASK;
  return typeof value === 'string' ? (masker.text(value)?.value ?? value) : value;
}

/** Every literal of a statement that mentions a masked column may be that column's value. */
function withoutLiterals(sql: string): string {
  return sql.replaceAll(/\$(\w*)\$[\s\S]*?\$\1\$|'(?:[^'\\]|''|\\[\s\S])*'/g, `'${MASK}'`);
}

function denial(request: Request, verdict: Verdict): ErrorWords {
  const [first] = request.operations ?? [];
  const rule = verdict.rule === undefined ? '' : `, rule ${verdict.rule}`;
  const detail = [verdict.reason, `Policy ${verdict.policy}${rule}.`].filter(Boolean).join(' ');
  if (!request.operations) {
    return {
      code: '42601',
      message: request.problem ?? 'the statement could not be read',
      detail,
      hint: 'What cannot be read is not let through. Correct the statement.',
    };
  }
  const what = [first?.verb, first?.resource].filter(Boolean).join(' ');
  return { code: '42501', message: `${what} was denied by policy`, detail, hint: 'Ask for a rule that allows it, or do without.' };
}

function outcomeWords(outcome: HoldOutcome, verdict: Verdict): ErrorWords {
  const pending = outcome.state === 'pending';
  return {
    code: '42501',
    message: pending ? `approval ${outcome.id} is pending` : `the statement was not approved (${outcome.state})`,
    detail: [outcome.message, verdict.reason].filter(Boolean).join(' '),
    hint: pending ? `Once approval ${outcome.id} is granted, send the same statement again.` : undefined,
  };
}
