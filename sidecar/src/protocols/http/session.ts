/** One agent connection and its target connection: exchanges in strict order, each decided and recorded before its bytes go on. */
import type { EvidenceError } from '@cairn/audit';
import type { Verdict } from '@cairn/crds';
import type { HoldOutcome } from '../../guard/guard.js';
import type { Session, SessionContext } from '../protocol.js';
import { approvalBytes } from './approval-bytes.js';
import { type Decided, type RequestBody, decide, headForTarget, recordIntent, recordRefusal } from './decided.js';
import { BODY, MORE, MessageReader, adjoin } from './frame.js';
import { HttpSyntaxError, RequestHead } from './head.js';
import { HEAD_TIMEOUT_MS, LINGER_MS, MAX_DRAINED_BYTES, MAX_HELD_REQUEST_BYTES, MAX_PIPELINED } from './limits.js';
import type { OpenExchange } from './open-exchange.js';
import {
  type Problem,
  answer,
  broken,
  denied,
  held,
  malformed,
  misdirected,
  noEvidence,
  undialled,
  unidentified,
  unmaskable,
} from './problem.js';
import { Responses } from './responses.js';
import { type Routed, Router } from './route.js';
import { authorizationLine } from './rewrite.js';
import { Tunnel } from './tunnel.js';
import { Upstream } from './upstream.js';

const TLS_HANDSHAKE = 0x16; // RFC 8446 5.1
/** The connection can't be used any more, but the approval may still come: the retry finds it. */
const CLOSED_MEANWHILE: HoldOutcome = {
  state: 'pending',
  id: '',
  approvers: [],
  message: 'The target closed the connection while an approval was awaited.',
};
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

export class HttpSession implements Session {
  readonly #context: SessionContext;
  readonly #requests = new MessageReader((raw) => new RequestHead(raw));
  readonly #responses: Responses;
  readonly #upstream: Upstream;
  readonly #router: Router;
  /** Exchanges that were forwarded, oldest first. */
  readonly #open: OpenExchange[] = [];
  #mode: 'fresh' | 'securing' | 'http' | 'tunnel' | 'over' = 'fresh';
  #agentTls = false;
  /** No further piece of the agent is read. */
  #held = false;
  #running = false;
  /** Goes on when every open exchange is complete: an answer of our own, in its turn. */
  #parked: (() => void) | undefined;
  /** The request whose body is coming. */
  #current: OpenExchange | undefined;
  /** A request that is collected for its approval. */
  #collecting: { decided: Decided; body: RequestBody; size: number } | undefined;
  /** A request that waits for approval, delivery or the target. */
  #waiting: OpenExchange | undefined;
  #draining = false;
  #agentEnded = false;
  /** Number of the head that the deadline stands for; 0 without one. */
  #timed = 0;
  #heads = 0;
  #served = 0;
  #asking = false;
  #tunnel: Tunnel | undefined;

  constructor(context: SessionContext) {
    this.#context = context;
    this.#upstream = new Upstream(context);
    this.#router = new Router(context);
    this.#responses = new Responses(context, this.#open, {
      completed: (exchange) => this.#completed(exchange),
      broke: (reason) => this.#broke(reason),
      switched: (exchange, rest) => this.#switch(exchange, rest),
    });
  }

  start(): void {}

  agentData(chunk: Buffer): void {
    if (this.#mode === 'tunnel') return this.#tunnel!.agentData(chunk);
    if (this.#mode === 'over') return;
    if (this.#mode === 'fresh' && chunk[0] === TLS_HANDSHAKE) return this.#secure(chunk);
    this.#mode = 'http';
    this.#requests.feed(chunk);
    this.#run();
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
    if (this.#waiting && this.#asking) return this.#asked(this.#waiting, undefined, undefined, CLOSED_MEANWHILE);
    if (!this.#waiting && !this.#collecting) this.#finish();
  }

  evidenceFailed(error: EvidenceError): void {
    if (this.#mode === 'over') return;
    const open = this.#open[0];
    if (this.#mode !== 'tunnel' && !open?.answered) {
      this.#context.wire.toAgent(answer(noEvidence(error), { close: true, bodiless: open?.head.method === 'HEAD' }));
    }
    this.#open.length = 0;
    this.#waiting = undefined;
    this.#tunnel = undefined;
    this.#finish();
  }

  closed(): void {
    this.#tunnel?.closed();
    this.#fail('the connection was closed');
    this.#mode = 'over';
  }

  #secure(chunk: Buffer): void {
    this.#mode = 'securing';
    this.#agentTls = true;
    this.#context.wire.secureAgent({ alpn: ['http/1.1'], pending: chunk }).then(
      () => (this.#mode = this.#mode === 'securing' ? 'http' : this.#mode),
      (error: Error) => this.#context.wire.destroy(`TLS with the agent failed: ${error.message}`),
    );
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#held && this.#mode === 'http') {
        const piece = this.#requests.read();
        if (piece === MORE) break;
        if (piece === BODY) this.#body();
        else this.#head(this.#requests.head, this.#requests.raw);
      }
    } catch (error) {
      if (!(error instanceof HttpSyntaxError)) throw error;
      this.#malformed(error);
    } finally {
      this.#running = false;
    }
    if (this.#mode === 'http') this.#time();
    if (this.#agentEnded) this.#idle();
  }

  /** A head that was begun has to end in time (slow-loris). */
  #time(): void {
    const timed = this.#requests.inHead ? this.#heads + 1 : 0;
    if (timed === this.#timed) return;
    this.#timed = timed;
    const expired = (): void => {
      const late: Problem = { status: 408, code: 'slow-head', detail: `The request head did not end within ${HEAD_TIMEOUT_MS / 1000} s.` };
      this.#refuse(late, undefined);
    };
    this.#context.wire.deadline(timed > 0 ? { after: HEAD_TIMEOUT_MS, expired } : undefined);
  }

  #hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#context.wire.pauseAgent();
  }

  #release(): void {
    if (!this.#held || this.#waiting || this.#parked) return;
    this.#held = false;
    this.#context.wire.resumeAgent();
    this.#run();
  }

  /** Runs `step` when all that was forwarded is answered; at once where nothing is open. */
  #inTurn(step: () => void): void {
    if (this.#open.length === 0) return step();
    this.#hold();
    this.#parked = step;
  }

  #head(head: RequestHead, raw: Buffer): void {
    this.#heads++;
    this.#requests.body(head.chunked ? 'chunked' : head.length > 0 ? 'length' : 'none', head.length);
    if (this.#open.length >= MAX_PIPELINED) {
      return this.#inTurn(() => {
        this.#request(head, raw);
        this.#release();
      });
    }
    this.#request(head, raw);
  }

  #request(head: RequestHead, raw: Buffer): void {
    const { record, host, port } = this.#context;
    if (head.method === 'CONNECT') {
      const detail = 'CONNECT is taken only by the proxy listener, for declared targets, as the first request of a connection.';
      return this.#refuse({ status: 501, code: 'connect', detail }, head);
    }
    const route = this.#router.route(head);
    if (!this.#router.leadsHere(route)) {
      const reroute = this.#context.wire.reroute;
      if (reroute && route.absolute) return this.#inTurn(() => this.#reroute(raw));
      return this.#refuseRecorded(head, route, misdirected(`${route.host}${route.port === undefined ? '' : `:${route.port}`}`, host, port));
    }
    if (record.refusing) return this.#refuse(noEvidence(record.refusing), head);
    this.#decide(head, raw, route);
  }

  #reroute(raw: Buffer): void {
    const rest = [raw, ...this.#requests.rest()];
    this.#mode = 'over';
    this.#context.wire.reroute!(rest.length === 1 ? raw : Buffer.concat(rest));
  }

  #decide(head: RequestHead, raw: Buffer, route: Routed): void {
    const decided = decide(this.#context, head, raw, route);
    const { action } = decided.verdict;
    if (action === 'Deny') return this.#deny(decided);
    if (decided.masker && decided.upgrade !== undefined) return this.#unmaskable(decided);
    if (action === 'RequireApproval') return this.#collect(decided);
    this.#forward(decided, this.#readAhead(head));
  }

  /** The body as far as it lies in the chunk of the head: a small request is then recorded and forwarded whole. */
  #readAhead(head: RequestHead): RequestBody | undefined {
    if (this.#requests.done) return undefined;
    if (head.expectContinue || this.#requests.read() !== BODY) return { raw: [], parts: [], trailers: undefined, done: false };
    const { raw, parts, trailers, done } = this.#requests;
    return { raw: [raw], parts, trailers, done };
  }

  #forward(decided: Decided, body: RequestBody | undefined): void {
    const open = recordIntent(this.#context, decided, body);
    if (!open.requestDone) this.#current = open;
    if (this.#upstream.ready && decided.verdict.delivery !== 'Strict' && !this.#upstream.ended) return this.#send(open, decided, body);
    this.#hold();
    this.#waiting = open;
    this.#readyFor(open).then(
      () => this.#resume(open, () => this.#send(open, decided, body)),
      (error: Error) => this.#resume(open, () => this.#refuseOpen(open, this.#unready(error))),
    );
  }

  async #readyFor(open: OpenExchange): Promise<void> {
    const delivered = open.verdict.delivery === 'Strict' ? open.exchange.delivered() : undefined;
    await Promise.all([this.#upstream.dial(this.#agentTls), delivered]);
  }

  #unready(error: Error): Problem {
    const { host, port } = this.#context;
    if (error.name === 'EvidenceError') return noEvidence(error as EvidenceError);
    return undialled(error, host, port);
  }

  /** Goes on with a request that waited, unless the connection is gone. */
  #resume(open: OpenExchange, step: () => void): void {
    if (this.#waiting !== open || this.#mode !== 'http') return;
    this.#waiting = undefined;
    step();
    this.#release();
  }

  #send(open: OpenExchange, decided: Decided, body: RequestBody | undefined): void {
    const { wire } = this.#context;
    if (this.#upstream.ended) return this.#refuseOpen(open, broken('The target closed the connection. Send the request again.'));
    const bytes = headForTarget(this.#context, decided, open.exchange.id);
    this.#open.push(open);
    const [first, ...more] = body?.raw ?? [];
    const together = first && adjoin(bytes, first);
    wire.toTarget(together ?? bytes);
    if (first && !together && first.length > 0) wire.toTarget(first);
    for (const raw of more) if (raw.length > 0) wire.toTarget(raw);
    if (body?.trailers !== undefined) wire.toTarget(Buffer.from(body.trailers, 'latin1'));
    if (open.requestDone) this.#sent(open);
  }

  /** What follows a request for an upgrade may be the other protocol's: it waits for the answer (RFC 9110 7.8). */
  #sent(open: OpenExchange): void {
    if (open.upgrade === undefined) return;
    this.#hold();
    this.#parked = () => this.#release();
  }

  #body(): void {
    const { raw, parts, trailers, done } = this.#requests;
    if (this.#collecting) return this.#collectBody();
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
    this.#collecting = { decided, body: { raw: [], parts: [], trailers: undefined, done: false }, size: 0 };
    // The approval is about the body too, so it is asked for here (RFC 9110 10.1.1).
    if (head.expectContinue) this.#inTurn(() => (this.#context.wire.toAgent(CONTINUE), this.#release()));
  }

  #collectBody(): void {
    const collecting = this.#collecting!;
    const { decided, body } = collecting;
    body.raw.push(this.#requests.raw);
    body.parts.push(...this.#requests.parts);
    body.trailers = this.#requests.trailers;
    collecting.size += this.#requests.raw.length;
    if (collecting.size > MAX_HELD_REQUEST_BYTES) {
      this.#collecting = undefined;
      return this.#tooLarge(decided);
    }
    if (!this.#requests.done) return;
    body.done = true;
    this.#collecting = undefined;
    this.#ask(decided, body);
  }

  #ask(decided: Decided, body: RequestBody | undefined): void {
    const { head, verdict, attribution, operations, statement, route } = decided;
    const open = recordIntent(this.#context, decided, body);
    open.continued = head.expectContinue;
    if (this.#upstream.ended) return this.#refuseOpen(open, broken('The target closed the connection. Send the request again.'));
    this.#hold();
    this.#waiting = open;
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
      return this.#resume(open, () => this.#refuseOpen(open, held(open.verdict, outcome, open.exchange.id)));
    }
    this.#readyFor(open).then(
      () => this.#resume(open, () => this.#send(open, decided, body)),
      (error: Error) => this.#resume(open, () => this.#refuseOpen(open, this.#unready(error))),
    );
  }

  #tooLarge(decided: Decided): void {
    const open = recordIntent(this.#context, decided, undefined);
    const detail = `A request that needs approval may have ${MAX_HELD_REQUEST_BYTES} bytes, for it is kept until somebody decided. Send less at once.`;
    this.#refuseOpen(open, { status: 413, code: 'too-large-to-hold', detail, members: { event: open.exchange.id } });
  }

  #deny(decided: Decided): void {
    const { verdict, statement } = decided;
    const open = recordIntent(this.#context, decided, undefined);
    const unknown = verdict === this.#context.policy()?.unidentified;
    this.#refuseOpen(open, unknown ? unidentified(verdict, open.exchange.id) : denied(verdict, statement, open.exchange.id));
  }

  #unmaskable(decided: Decided): void {
    const verdict: Verdict = { ...decided.verdict, action: 'Deny', reason: 'a tunnel cannot be masked' };
    const open = recordIntent(this.#context, { ...decided, verdict }, undefined);
    const problem = unmaskable(verdict, `it becomes a tunnel (Upgrade: ${decided.upgrade})`, open.exchange.id);
    this.#refuseOpen(open, { ...problem, status: 403 });
  }

  /** Denied for what the request is, not by a rule; recorded like any denial. */
  #refuseRecorded(head: RequestHead | undefined, route: Routed | undefined, problem: Problem): void {
    const { refusing } = this.#context.record;
    if (refusing) return this.#refuse(noEvidence(refusing), head);
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
    this.#inTurn(() => this.#refuseRecorded(undefined, undefined, malformed(error)));
  }

  /** Answers for the target, in turn. `head` undefined: what follows on this connection cannot be understood. */
  #refuse(problem: Problem, head: RequestHead | undefined): void {
    if (this.#open.length > 0) return this.#inTurn(() => (this.#refuse(problem, head), this.#release()));
    const rest = head && !this.#requests.done;
    const close = !head || head.last || (rest && (head.expectContinue || head.chunked || head.length > MAX_DRAINED_BYTES)) === true;
    this.#context.wire.toAgent(answer(problem, { close, bodiless: head?.method === 'HEAD' }));
    if (close) this.#finish();
    else this.#draining = rest === true;
  }

  #completed(open: OpenExchange): void {
    this.#served++;
    if (open.last) return this.#finish();
    if (this.#open.length > 0) return;
    const parked = this.#parked;
    if (parked) {
      this.#parked = undefined;
      parked();
    } else if (this.#upstream.ended && !this.#waiting) this.#finish();
    else if (this.#agentEnded) this.#idle();
  }

  /** The target's side failed: what can still be answered is, the rest breaks. */
  #broke(reason: string, silent = false): void {
    const open = this.#open[0];
    const answerable = open !== undefined && !open.answered && !silent;
    if (answerable) open.status = '502';
    this.#fail(reason);
    if (answerable)
      this.#context.wire.toAgent(answer(broken(`${sentence(reason)}.`), { close: true, bodiless: open.head.method === 'HEAD' }));
    this.#finish();
  }

  #switch(open: OpenExchange, rest: Buffer[]): void {
    this.#mode = 'tunnel';
    this.#open.length = 0;
    this.#tunnel = new Tunnel(this.#context, open);
    for (const chunk of rest) this.#tunnel.targetData(chunk);
    for (const chunk of this.#requests.rest()) this.#tunnel.agentData(chunk);
    this.#parked = undefined;
    if (this.#held) {
      this.#held = false;
      this.#context.wire.resumeAgent();
    }
    if (this.#agentEnded) this.#tunnel.agentEnd();
  }

  /** Completes all that is open as failed. */
  #fail(reason: string): void {
    const waiting = this.#waiting ? [this.#waiting] : [];
    for (const open of [...this.#open.splice(0), ...waiting]) {
      open.error = reason;
      open.complete();
    }
    this.#waiting = undefined;
    this.#current = undefined;
    this.#collecting = undefined;
  }

  /** The agent will send no more: ends when nothing is left to do. */
  #idle(): void {
    if (this.#open.length > 0 || this.#waiting || this.#held || this.#mode === 'over' || this.#mode === 'tunnel') return;
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
    if (this.#held) wire.resumeAgent(); // to see the agent's end
    wire.deadline({ after: LINGER_MS, expired: () => wire.destroy('the agent did not close') });
  }
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
