/** The agent's side: each request is routed, decided and recorded before its bytes go on, and waits where it must. */
import type { HoldOutcome } from '../../guard/guard.js';
import { AgentLeg, tooMuchToRead } from './agent-leg.js';
import type { HttpContext } from './dialect.js';
import { CollectedBody, askFor } from './held-request.js';
import { type Decided, type RequestBody, decide, recordDenial, recordIntent, recordRefusal, sendRequest } from './decided.js';
import type { HttpSyntaxError, RequestHead } from './head.js';
import { MAX_HELD_REQUEST_BYTES, MAX_PIPELINED } from './limits.js';
import type { OpenExchange } from './open-exchange.js';
import * as problems from './problem.js';
import type { Problem } from './problem.js';
import { NOWHERE, type Routed, Router } from './route.js';
import type { Upstream } from './upstream.js';

const GONE = 'the target closed the connection; send the request again';
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

export interface RequestEvents {
  /** All that can be read now was read. */
  idle: () => void;
  /** The answer came before the end of the request, which is sent now. */
  sent: (open: OpenExchange) => void;
  /** What is open cannot go on. */
  failed: (reason: string) => void;
  /** No further exchange on this connection. */
  finish: () => void;
  /** What the agent sends from here on is another session's. */
  rerouted: () => void;
}

export class Requests {
  readonly leg: AgentLeg;
  readonly #reader: AgentLeg['requests'];
  readonly #router: Router;
  /** The request whose body is coming. */
  #current: OpenExchange | undefined;
  /** A request whose body is collected, to be understood or to be approved. */
  #collecting: CollectedBody | undefined;
  /** A request that waits for approval, delivery or the target. */
  #waiting: OpenExchange | undefined;
  #draining = false;

  constructor(
    private readonly context: HttpContext,
    /** Exchanges that were forwarded, oldest first. */
    private readonly open: OpenExchange[],
    private readonly upstream: Upstream,
    private readonly events: RequestEvents,
  ) {
    this.leg = new AgentLeg(context.wire, open, {
      head: (head, raw) => this.#head(head, raw),
      body: () => this.#body(),
      malformed: (error) => this.#malformed(error),
      late: () => this.#refuse(problems.lateHead(), undefined),
      idle: events.idle,
    });
    this.#reader = this.leg.requests;
    this.#router = new Router(context);
  }

  get waiting(): OpenExchange | undefined {
    return this.#waiting;
  }

  /** A request has come that the target has seen nothing of. */
  get unsent(): boolean {
    return this.#waiting !== undefined || this.#collecting !== undefined;
  }

  /** The agent has not sent all of its request. */
  get unfinished(): boolean {
    return this.#reader.inHead || this.#current !== undefined || this.#collecting !== undefined;
  }

  /** Lets go of what has not been forwarded. */
  drop(): void {
    this.#wait(undefined);
    this.#current = undefined;
    this.#collecting = undefined;
  }

  #head(head: RequestHead, raw: Buffer): void {
    this.#reader.body(head.chunked ? 'chunked' : head.length > 0 ? 'length' : 'none', head.length);
    if (this.open.length < MAX_PIPELINED) return this.#request(head, raw);
    this.leg.inTurn(() => (this.#request(head, raw), this.leg.release()));
  }

  #request(head: RequestHead, raw: Buffer): void {
    const { host, port, wire } = this.context;
    if (head.method === 'CONNECT') return this.#refuseRecorded(head, { ...NOWHERE, path: head.target }, problems.connectRefused());
    const route = this.#router.route(head);
    if (this.#router.leadsHere(route)) return this.#decide(head, raw, route);
    if (wire.reroute && route.absolute) return this.leg.inTurn(() => this.#reroute(raw));
    const asked = `${route.host}${route.port === undefined ? '' : `:${route.port}`}`;
    this.#refuseRecorded(head, route, problems.misdirected(asked, host, port));
  }

  #reroute(raw: Buffer): void {
    const rest = [raw, ...this.#reader.rest()];
    this.leg.over = true;
    this.events.rerouted();
    this.context.wire.reroute!(rest.length === 1 ? raw : Buffer.concat(rest));
  }

  #decide(head: RequestHead, raw: Buffer, route: Routed): void {
    const limit = this.#reader.done ? 0 : this.context.dialect.reads(head, route.path);
    if (head.length > limit || limit === 0) return this.#judge(head, raw, route);
    this.#collect(head, new CollectedBody(limit, (body, whole) => this.#judge(head, raw, route, body, whole)));
  }

  #judge(head: RequestHead, raw: Buffer, route: Routed, body?: RequestBody, whole?: Buffer): void {
    const decided = decide(this.context, head, raw, route, whole);
    const { refusing } = this.context.record;
    if (refusing && decided.verdict.delivery !== 'BestEffort') return this.#refuse(problems.noEvidence(refusing), head);
    const denial = recordDenial(this.context, decided);
    if (denial) return this.#refuseOpen(denial.open, denial.problem);
    if (decided.verdict.action === 'RequireApproval') return this.#hold(decided, body);
    this.#forward(decided, body ?? this.leg.readAhead(), body !== undefined && head.expectContinue);
  }

  #forward(decided: Decided, body: RequestBody | undefined, continued: boolean): void {
    const open = recordIntent(this.context, decided, body);
    open.continued = continued;
    if (!open.requestDone) this.#current = open;
    if (this.upstream.ready && decided.verdict.delivery !== 'Strict') return this.#send(open, decided, body);
    this.leg.hold();
    this.#wait(open);
    this.#sendWhenReady(open, decided, body);
  }

  #sendWhenReady(open: OpenExchange, decided: Decided, body: RequestBody | undefined): void {
    const delivered = open.verdict.delivery === 'Strict' ? open.exchange.delivered() : undefined;
    this.upstream.readyFor(delivered).then(
      () => this.#resume(open, () => this.#send(open, decided, body)),
      (error: Error) => this.#resume(open, () => this.#refuseOpen(open, problems.unready(error, this.context))),
    );
  }

  #wait(open: OpenExchange | undefined): void {
    this.#waiting = open;
    this.leg.waiting = open !== undefined;
  }

  /** Goes on with a request that waited, unless the connection is gone. */
  #resume(open: OpenExchange, step: () => void): void {
    if (this.#waiting !== open || this.leg.over) return;
    this.#wait(undefined);
    step();
    this.leg.release();
  }

  #send(open: OpenExchange, decided: Decided, body: RequestBody | undefined): void {
    if (this.upstream.ended) return this.#refuseOpen(open, problems.broken(GONE));
    this.open.push(open);
    sendRequest(this.context, decided, body, open.exchange.id);
    if (open.requestDone) this.#sent(open);
  }

  /** What follows a request for an upgrade may be the other protocol's: it waits for the answer (RFC 9110 7.8). */
  #sent(open: OpenExchange): void {
    if (open.upgrade === undefined) return;
    this.leg.park(() => this.leg.release());
  }

  #body(): void {
    const { raw, parts, trailers, done } = this.#reader;
    if (this.#collecting) return this.#collectBody(this.#collecting);
    if (this.#draining) {
      this.#draining = !done;
      return;
    }
    const open = this.#current;
    if (!open) return;
    for (const part of parts) open.request?.add(part);
    if (raw.length > 0) this.context.wire.toTarget(raw);
    if (!done) return;
    if (trailers !== undefined) this.context.wire.toTarget(Buffer.from(trailers, 'latin1'));
    this.#current = undefined;
    open.finishRequest();
    if (open.responseDone) this.events.sent(open);
    else this.#sent(open);
  }

  #hold(decided: Decided, body: RequestBody | undefined): void {
    const { head } = decided;
    if (head.length > MAX_HELD_REQUEST_BYTES) return this.#tooLarge(decided);
    if (this.#reader.done) return this.#ask(decided, body);
    const held = new CollectedBody(
      MAX_HELD_REQUEST_BYTES,
      (collected, whole) => (whole ? this.#ask(decided, collected) : this.#tooLarge(decided)),
      body,
    );
    if (body) this.#collecting = held;
    else this.#collect(head, held);
  }

  /** What a request means, and an approval, are about the body too, so it is asked for here (RFC 9110 10.1.1). */
  #collect(head: RequestHead, collecting: CollectedBody): void {
    this.#collecting = collecting;
    if (head.expectContinue) this.leg.inTurn(() => (this.context.wire.toAgent(CONTINUE), this.leg.release()));
  }

  #collectBody(collecting: CollectedBody): void {
    if (collecting.take(this.#reader)) return;
    this.#collecting = undefined;
    collecting.goOn();
  }

  #ask(decided: Decided, body: RequestBody | undefined): void {
    const open = recordIntent(this.context, decided, body);
    open.continued = decided.head.expectContinue;
    this.leg.hold();
    this.#wait(open);
    void askFor(this.context, decided, body, open.exchange.id).then((outcome) => this.#asked(open, decided, body, outcome));
  }

  #asked(open: OpenExchange, decided: Decided, body: RequestBody | undefined, outcome: HoldOutcome): void {
    if (this.#waiting !== open || this.leg.over) return;
    open.exchange.decided(outcome);
    if (outcome.state === 'approved') return this.#sendWhenReady(open, decided, body);
    this.#resume(open, () => this.#refuseOpen(open, problems.held(open.verdict, outcome, open.exchange.id)));
  }

  #tooLarge(decided: Decided): void {
    const open = recordIntent(this.context, decided, undefined);
    this.#refuseOpen(open, problems.tooLargeToHold(open.exchange.id));
  }

  /** Denied for what the request is, not by a rule; recorded like any denial. */
  #refuseRecorded(head: RequestHead | undefined, route: Routed | undefined, problem: Problem): void {
    const { refusing } = this.context.record;
    if (refusing) return this.#refuse(problems.noEvidence(refusing), head);
    const event = recordRefusal(this.context, head, route, problem);
    this.#refuse({ ...problem, members: { event, ...problem.members } }, head);
  }

  #refuseOpen(open: OpenExchange, problem: Problem): void {
    open.status = String(problem.status);
    open.error = problem.code;
    open.complete();
    if (this.#current === open) this.#current = undefined;
    this.#refuse(problem, open.head);
  }

  #malformed(error: HttpSyntaxError): void {
    if (this.#current) {
      this.events.failed(`the request body is malformed: ${error.message}`);
      return this.context.wire.destroy(`malformed request body: ${error.code}`);
    }
    this.#collecting = undefined;
    this.leg.inTurn(() => this.#refuseRecorded(undefined, undefined, problems.malformed(error)));
  }

  /** Answers for the target, in turn. `head` undefined: what follows on this connection cannot be understood. */
  #refuse(problem: Problem, head: RequestHead | undefined): void {
    if (this.open.length > 0) return this.leg.inTurn(() => (this.#refuse(problem, head), this.leg.release()));
    const rest = head !== undefined && !this.#reader.done;
    const close = !head || head.last || this.upstream.ended || (rest && tooMuchToRead(head));
    this.context.wire.toAgent(this.context.dialect.answer(problem, { close, bodiless: head?.method === 'HEAD' }));
    if (close) this.events.finish();
    else this.#draining = rest;
  }
}
