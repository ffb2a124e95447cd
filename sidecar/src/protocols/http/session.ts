/** One agent connection and its target connection: exchanges in strict order, each decided and recorded before its bytes go on. */
import type { EvidenceError } from '@cairn/audit';
import type { HoldOutcome } from '../../guard/guard.js';
import type { Session } from '../protocol.js';
import { AgentLeg } from './agent-leg.js';
import { HeldRequest, approvalBytes } from './held-request.js';
import { type Decided, type RequestBody, decide, recordDenial, recordIntent, recordRefusal, sendRequest } from './decided.js';
import type { HttpContext, TunnelSession } from './dialect.js';
import type { HttpSyntaxError, RequestHead, ResponseHead } from './head.js';
import { LINGER_MS, MAX_DRAINED_BYTES, MAX_HELD_REQUEST_BYTES, MAX_PIPELINED } from './limits.js';
import type { OpenExchange } from './open-exchange.js';
import * as problems from './problem.js';
import type { Problem } from './problem.js';
import { Responses } from './responses.js';
import { NOWHERE, type Routed, Router } from './route.js';
import { authorizationLine } from './rewrite.js';
import { Upstream } from './upstream.js';

const TLS_HANDSHAKE = 0x16; // RFC 8446 5.1
const GONE = 'the target closed the connection; send the request again';
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

export class HttpSession implements Session {
  readonly #context: HttpContext;
  readonly #leg: AgentLeg;
  readonly #requests: AgentLeg['requests'];
  readonly #responses: Responses;
  readonly #upstream: Upstream;
  readonly #router: Router;
  /** Exchanges that were forwarded, oldest first. */
  readonly #open: OpenExchange[] = [];
  #mode: 'fresh' | 'securing' | 'http' | 'tunnel' | 'over' = 'fresh';
  #agentTls = false;
  /** The request whose body is coming. */
  #current: OpenExchange | undefined;
  /** A request that is collected for its approval. */
  #collecting: HeldRequest | undefined;
  /** A request that waits for approval, delivery or the target. */
  #waiting: OpenExchange | undefined;
  #draining = false;
  #agentEnded = false;
  #served = 0;
  #asking = false;
  #tunnel: TunnelSession | undefined;

  constructor(context: HttpContext) {
    this.#context = context;
    this.#leg = new AgentLeg(context.wire, this.#open, {
      head: (head, raw) => this.#head(head, raw),
      body: () => this.#body(),
      malformed: (error) => this.#malformed(error),
      late: () => this.#refuse(problems.lateHead(), undefined),
      idle: () => (this.#agentEnded ? this.#idle() : undefined),
    });
    this.#requests = this.#leg.requests;
    this.#upstream = new Upstream(context);
    this.#router = new Router(context);
    this.#responses = new Responses(context, this.#open, {
      completed: (exchange) => this.#completed(exchange),
      broke: (reason) => this.#broke(reason),
      switched: (exchange, head, rest) => this.#switch(exchange, head, rest),
    });
  }

  start(): void {}

  agentData(chunk: Buffer): void {
    if (this.#mode === 'tunnel') return this.#tunnel!.agentData(chunk);
    if (this.#mode === 'over') return;
    if (this.#mode === 'fresh' && chunk[0] === TLS_HANDSHAKE) return this.#secure(chunk);
    this.#mode = 'http';
    this.#leg.feed(chunk);
  }

  targetData(chunk: Buffer): void {
    if (this.#mode === 'tunnel') this.#tunnel!.targetData(chunk);
    else if (this.#mode === 'http') this.#responses.data(chunk);
  }

  agentEnd(): void {
    this.#agentEnded = true;
    if (this.#mode === 'tunnel') return this.#tunnel!.agentEnd();
    if (this.#mode === 'over') return this.#context.wire.destroy('done');
    if (this.#requests.inHead || this.#current || this.#collecting) {
      this.#fail('the agent closed the connection in the middle of its request');
      return this.#context.wire.destroy('agent ended inside a request');
    }
    if (this.#open.length > 0 && this.#context.dialect.halfClosed === 'gone') return this.#context.wire.destroy('the agent left');
    this.#idle();
  }

  targetEnd(): void {
    this.#upstream.ended = true;
    if (this.#mode === 'tunnel') return this.#tunnel!.targetEnd();
    if (this.#mode !== 'http') return;
    if (this.#responses.end()) return;
    // A target may close an idle connection at any time, and a client whose request meets that sends it again by itself, if
    // it sees the connection close (RFC 9112 9.3.1).
    const raced = this.#served > 0 && this.#open[0]?.status === '';
    if (this.#open.length > 0) return this.#broke('the target closed the connection before its answer was complete', raced);
    if (this.#waiting && this.#asking) return this.#asked(this.#waiting, undefined, undefined, problems.CLOSED_MEANWHILE);
    if (!this.#waiting && !this.#collecting) this.#finish();
  }

  evidenceFailed(error: EvidenceError): void {
    if (this.#mode === 'over') return;
    this.#answerInstead(problems.noEvidence(error));
    for (const each of this.#open.splice(0)) each.masked?.abandon();
    this.#wait(undefined);
    this.#tunnel = undefined;
    this.#finish();
  }

  cut(reason: string): void {
    this.#answerInstead(problems.cutOff(reason));
    this.#tunnel?.closed(reason);
    this.#fail(reason);
    this.#finish();
  }

  closed(): void {
    this.#tunnel?.closed();
    this.#fail('the connection was closed');
    this.#mode = 'over';
    this.#leg.over = true;
  }

  #secure(chunk: Buffer): void {
    this.#mode = 'securing';
    this.#agentTls = true;
    this.#context.wire.secureAgent({ alpn: ['http/1.1'], pending: chunk }).then(
      () => (this.#mode = this.#mode === 'securing' ? 'http' : this.#mode),
      (error: Error) => this.#context.wire.destroy(`TLS with the agent failed: ${error.message}`),
    );
  }

  #head(head: RequestHead, raw: Buffer): void {
    this.#requests.body(head.chunked ? 'chunked' : head.length > 0 ? 'length' : 'none', head.length);
    if (this.#open.length >= MAX_PIPELINED) {
      return this.#leg.inTurn(() => {
        this.#request(head, raw);
        this.#leg.release();
      });
    }
    this.#request(head, raw);
  }

  #request(head: RequestHead, raw: Buffer): void {
    const { host, port } = this.#context;
    if (head.method === 'CONNECT') return this.#refuseRecorded(head, { ...NOWHERE, path: head.target }, problems.connectRefused());
    const route = this.#router.route(head);
    if (!this.#router.leadsHere(route)) {
      const reroute = this.#context.wire.reroute;
      if (reroute && route.absolute) return this.#leg.inTurn(() => this.#reroute(raw));
      return this.#refuseRecorded(
        head,
        route,
        problems.misdirected(`${route.host}${route.port === undefined ? '' : `:${route.port}`}`, host, port),
      );
    }
    this.#decide(head, raw, route);
  }

  #reroute(raw: Buffer): void {
    const rest = [raw, ...this.#requests.rest()];
    this.#mode = 'over';
    this.#leg.over = true;
    this.#context.wire.reroute!(rest.length === 1 ? raw : Buffer.concat(rest));
  }

  #decide(head: RequestHead, raw: Buffer, route: Routed): void {
    const decided = decide(this.#context, head, raw, route);
    const { refusing } = this.#context.record;
    if (refusing && decided.verdict.delivery !== 'BestEffort') return this.#refuse(problems.noEvidence(refusing), head);
    const denial = recordDenial(this.#context, decided);
    if (denial) return this.#refuseOpen(denial.open, denial.problem);
    if (decided.verdict.action === 'RequireApproval') return this.#collect(decided);
    this.#forward(decided, this.#leg.readAhead());
  }

  #forward(decided: Decided, body: RequestBody | undefined): void {
    const open = recordIntent(this.#context, decided, body);
    if (!open.requestDone) this.#current = open;
    if (this.#upstream.ready && decided.verdict.delivery !== 'Strict' && !this.#upstream.ended) return this.#send(open, decided, body);
    this.#leg.hold();
    this.#wait(open);
    this.#sendWhenReady(open, decided, body);
  }

  #sendWhenReady(open: OpenExchange, decided: Decided, body: RequestBody | undefined): void {
    this.#readyFor(open).then(
      () => this.#resume(open, () => this.#send(open, decided, body)),
      (error: Error) => this.#resume(open, () => this.#refuseOpen(open, problems.unready(error, this.#context))),
    );
  }

  async #readyFor(open: OpenExchange): Promise<void> {
    const delivered = open.verdict.delivery === 'Strict' ? open.exchange.delivered() : undefined;
    await Promise.all([this.#upstream.dial(this.#agentTls), delivered]);
  }

  #wait(open: OpenExchange | undefined): void {
    this.#waiting = open;
    this.#leg.waiting = open !== undefined;
  }

  /** Goes on with a request that waited, unless the connection is gone. */
  #resume(open: OpenExchange, step: () => void): void {
    if (this.#waiting !== open || this.#mode !== 'http') return;
    this.#wait(undefined);
    step();
    this.#leg.release();
  }

  #send(open: OpenExchange, decided: Decided, body: RequestBody | undefined): void {
    if (this.#upstream.ended) return this.#refuseOpen(open, problems.broken(GONE));
    this.#open.push(open);
    sendRequest(this.#context, decided, body, open.exchange.id);
    if (open.requestDone) this.#sent(open);
  }

  /** What follows a request for an upgrade may be the other protocol's: it waits for the answer (RFC 9110 7.8). */
  #sent(open: OpenExchange): void {
    if (open.upgrade === undefined) return;
    this.#leg.park(() => this.#leg.release());
  }

  #body(): void {
    const { raw, parts, trailers, done } = this.#requests;
    if (this.#collecting) return this.#collectBody(this.#collecting);
    if (this.#draining) {
      this.#draining = !done;
      return;
    }
    const open = this.#current;
    if (!open) return;
    for (const part of parts) open.request?.add(part);
    if (raw.length > 0) this.#context.wire.toTarget(raw);
    if (!done) return;
    if (trailers !== undefined) this.#context.wire.toTarget(Buffer.from(trailers, 'latin1'));
    this.#current = undefined;
    open.finishRequest();
    if (open.responseDone) this.#responses.complete(open);
    else this.#sent(open);
  }

  #collect(decided: Decided): void {
    const { head } = decided;
    if (head.length > MAX_HELD_REQUEST_BYTES) return this.#tooLarge(decided);
    if (this.#requests.done) return this.#ask(decided, undefined);
    this.#collecting = new HeldRequest(decided);
    // The approval is about the body too, so it is asked for here (RFC 9110 10.1.1).
    if (head.expectContinue) this.#leg.inTurn(() => (this.#context.wire.toAgent(CONTINUE), this.#leg.release()));
  }

  #collectBody(collecting: HeldRequest): void {
    const fits = collecting.take(this.#requests);
    if (fits && !collecting.body.done) return;
    this.#collecting = undefined;
    if (fits) this.#ask(collecting.decided, collecting.body);
    else this.#tooLarge(collecting.decided);
  }

  #ask(decided: Decided, body: RequestBody | undefined): void {
    const { head, verdict, attribution, operations, statement, route } = decided;
    const open = recordIntent(this.#context, decided, body);
    open.continued = head.expectContinue;
    if (this.#upstream.ended) return this.#refuseOpen(open, problems.broken(GONE));
    this.#leg.hold();
    this.#wait(open);
    this.#asking = true;
    const owns = authorizationLine(this.#context.credential()) !== '';
    const bytes = approvalBytes(head, route.path, owns, body?.parts ?? []);
    this.#context.guard.hold({ verdict, attribution, operations, summary: statement, bytes, event: open.exchange.id }).then(
      (outcome) => this.#asked(open, decided, body, outcome),
      (error: Error) => this.#asked(open, decided, body, { state: 'unavailable', id: '', approvers: [], message: error.message }),
    );
  }

  #asked(open: OpenExchange, decided: Decided | undefined, body: RequestBody | undefined, outcome: HoldOutcome): void {
    if (this.#waiting !== open || this.#mode !== 'http') return;
    this.#asking = false;
    open.exchange.decided(outcome);
    if (outcome.state !== 'approved' || !decided) {
      return this.#resume(open, () => this.#refuseOpen(open, problems.held(open.verdict, outcome, open.exchange.id)));
    }
    this.#sendWhenReady(open, decided, body);
  }

  #tooLarge(decided: Decided): void {
    const open = recordIntent(this.#context, decided, undefined);
    this.#refuseOpen(open, problems.tooLargeToHold(open.exchange.id));
  }

  /** Denied for what the request is, not by a rule; recorded like any denial. */
  #refuseRecorded(head: RequestHead | undefined, route: Routed | undefined, problem: Problem): void {
    const { refusing } = this.#context.record;
    if (refusing) return this.#refuse(problems.noEvidence(refusing), head);
    const event = recordRefusal(this.#context, head, route, problem);
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
    const current = this.#current;
    if (current) {
      this.#fail(`the request body is malformed: ${error.message}`);
      return this.#context.wire.destroy(`malformed request body: ${error.code}`);
    }
    this.#collecting = undefined;
    this.#leg.inTurn(() => this.#refuseRecorded(undefined, undefined, problems.malformed(error)));
  }

  /** Answers for the target, in turn. `head` undefined: what follows on this connection cannot be understood. */
  #refuse(problem: Problem, head: RequestHead | undefined): void {
    if (this.#open.length > 0) return this.#leg.inTurn(() => (this.#refuse(problem, head), this.#leg.release()));
    const rest = head && !this.#requests.done;
    const close =
      !head ||
      head.last ||
      this.#upstream.ended ||
      (rest && (head.expectContinue || head.chunked || head.length > MAX_DRAINED_BYTES)) === true;
    this.#context.wire.toAgent(this.#context.dialect.answer(problem, { close, bodiless: head?.method === 'HEAD' }));
    if (close) this.#finish();
    else this.#draining = rest === true;
  }

  #completed(open: OpenExchange): void {
    this.#served++;
    if (open.last) return this.#finish();
    if (this.#open.length > 0) return;
    if (this.#leg.unpark()) return;
    if (this.#upstream.ended && !this.#waiting) this.#finish();
    else if (this.#agentEnded) this.#idle();
  }

  /** The target's side failed: what can still be answered is, the rest breaks. */
  #broke(reason: string, silent = false): void {
    if (!silent) this.#answerInstead(problems.broken(reason));
    this.#fail(reason);
    this.#finish();
  }

  /** The last answer, in place of one that has not begun: behind the beginning of one, it would be read as its rest. */
  #answerInstead(problem: Problem): void {
    const open = this.#open[0] ?? this.#waiting;
    if (this.#mode !== 'http' || !open || open.answered) return;
    open.status = String(problem.status);
    this.#context.wire.toAgent(this.#context.dialect.answer(problem, { close: true, bodiless: open.head.method === 'HEAD' }));
  }

  #switch(open: OpenExchange, head: ResponseHead, rest: Buffer[]): void {
    this.#mode = 'tunnel';
    this.#open.length = 0;
    this.#tunnel = this.#context.dialect.tunnel(this.#context, open, head);
    for (const chunk of rest) this.#tunnel.targetData(chunk);
    for (const chunk of this.#requests.rest()) this.#tunnel.agentData(chunk);
    this.#leg.end();
    if (this.#agentEnded) this.#tunnel.agentEnd();
  }

  /** Completes all that is open as failed. */
  #fail(reason: string): void {
    const waiting = this.#waiting ? [this.#waiting] : [];
    for (const open of [...this.#open.splice(0), ...waiting]) {
      open.error = reason;
      open.complete();
    }
    this.#wait(undefined);
    this.#current = undefined;
    this.#collecting = undefined;
  }

  /** The agent will send no more: ends when nothing is left to do. */
  #idle(): void {
    if (this.#open.length > 0 || this.#waiting || this.#leg.held || this.#mode === 'over' || this.#mode === 'tunnel') return;
    this.#finish();
    this.#context.wire.destroy('done');
  }

  /** No further exchange; what was sent still goes out, and what the agent goes on sending is not read. */
  #finish(): void {
    if (this.#mode === 'over') return;
    this.#mode = 'over';
    this.#fail('the connection ended before the answer');
    const { wire } = this.#context;
    wire.endAgent();
    if (this.#upstream.dialled) wire.endTarget();
    this.#leg.end();
    wire.deadline({ after: LINGER_MS, expired: () => wire.destroy('the agent did not close') });
  }
}
