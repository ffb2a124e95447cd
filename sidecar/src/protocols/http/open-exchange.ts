/** One request and its response between the decision and the completion. */
import type { Body } from '@cairn/audit';
import type { Operation, Verdict } from '@cairn/crds';
import type { Attribution } from '../../attribute/attribution.js';
import type { MaskCounts, Masker } from '../../guard/mask.js';
import type { BodyCapture, Exchange, SessionRecorder } from '../../record/exchange.js';
import type { ResultReader } from './dialect.js';
import type { RequestHead } from './head.js';
import { mediaType } from './mask-body.js';
import type { MaskedResponse } from './masked-response.js';

/** No response came. */
const NO_STATUS = '000';

export class OpenExchange {
  /** While the request body comes. */
  request: BodyCapture | undefined;
  response: BodyCapture | undefined;
  result: ResultReader | undefined;
  requestDone = false;
  responseDone = false;
  /** The response's head went to the agent, or will. */
  answered = false;
  /** The connection ends with this exchange. */
  last = false;
  status = '';
  error: string | undefined;
  /** What is known of the operation's parameters only since it began. */
  parameters: Record<string, unknown> | undefined;
  masked: MaskedResponse | undefined;
  /** We asked the agent for the body ourselves: the target's own 100 is not passed on. */
  continued = false;
  /** Set once the whole body is known and was not part of the intent. */
  #requestBody: Body | undefined;

  constructor(
    readonly head: RequestHead,
    /** As it is recorded. */
    readonly operation: Operation,
    readonly attribution: Attribution,
    readonly verdict: Verdict,
    readonly masker: Masker | undefined,
    readonly counts: MaskCounts,
    /** Protocols that the request may switch to. */
    readonly upgrade: string | undefined,
    readonly exchange: Exchange,
  ) {}

  finishRequest(): void {
    this.requestDone = true;
    if (!this.request) return;
    this.#requestBody = this.request.finish();
    this.request = undefined;
  }

  /** Once, whichever way it ended. What is still open is recorded as far as it came. */
  complete(): void {
    if (this.request) this.finishRequest();
    this.masked?.abandon();
    const result = this.result?.end();
    this.exchange.complete({
      status: this.status || NO_STATUS,
      request: this.#requestBody,
      response: this.response?.finish(),
      rows: result?.rows,
      resourceVersion: result?.resourceVersion,
      error: this.error,
      parameters: this.parameters,
      masked: this.masker ? this.counts.masked(this.verdict.rule ?? '') : undefined,
    });
  }
}

/** A capture for a request's or response's body, as the level says. */
export function bodyOf(
  record: SessionRecorder,
  keep: boolean,
  maxBytes: number,
  message: { contentType: string | undefined; contentEncoding: string | undefined },
): BodyCapture {
  const type = mediaType(message.contentType) || 'application/octet-stream';
  return record.body({ keep, maxBytes, type: message.contentEncoding ? `${type}; content-encoding=${message.contentEncoding}` : type });
}

export const keepsRequest = (verdict: Verdict): boolean => verdict.level === 'Request' || verdict.level === 'RequestResponse';
export const keepsResponse = (verdict: Verdict): boolean => verdict.level === 'RequestResponse';
