/** One agent connection and its target connection: exchanges in strict order, each decided and recorded before its bytes go on. */
import type { EvidenceError } from '@cairn/audit';
import type { Session } from '../protocol.js';
import type { HttpContext, TunnelSession } from './dialect.js';
import type { ResponseHead } from './head.js';
import { LINGER_MS } from './limits.js';
import type { OpenExchange } from './open-exchange.js';
import * as problems from './problem.js';
import type { Problem } from './problem.js';
import { Requests } from './requests.js';
import { Responses } from './responses.js';
import { Upstream } from './upstream.js';

const TLS_HANDSHAKE = 0x16; // RFC 8446 5.1

export class HttpSession implements Session {
  readonly #context: HttpContext;
  readonly #requests: Requests;
  readonly #responses: Responses;
  readonly #upstream: Upstream;
  /** Exchanges that were forwarded, oldest first. */
  readonly #open: OpenExchange[] = [];
  #mode: 'fresh' | 'securing' | 'http' | 'tunnel' | 'over' = 'fresh';
  #agentEnded = false;
  #served = 0;
  #tunnel: TunnelSession | undefined;

  constructor(context: HttpContext) {
    this.#context = context;
    this.#upstream = new Upstream(context, () => this.#responses.restart());
    this.#responses = new Responses(context, this.#open, {
      completed: (exchange) => this.#completed(exchange),
      broke: (reason) => this.#broke(reason),
      switched: (exchange, head, rest) => this.#switch(exchange, head, rest),
    });
    this.#requests = new Requests(context, this.#open, this.#upstream, {
      idle: () => (this.#agentEnded ? this.#idle() : undefined),
      sent: (exchange) => this.#responses.complete(exchange),
      failed: (reason) => this.#fail(reason),
      finish: () => this.#finish(),
      rerouted: () => (this.#mode = 'over'),
    });
  }

  start(): void {}

  agentData(chunk: Buffer): void {
    if (this.#mode === 'tunnel') return this.#tunnel!.agentData(chunk);
    if (this.#mode === 'over') return;
    if (this.#mode === 'fresh' && chunk[0] === TLS_HANDSHAKE) return this.#secure(chunk);
    this.#mode = 'http';
    this.#requests.leg.feed(chunk);
  }

  targetData(chunk: Buffer): void {
    if (this.#mode === 'tunnel') this.#tunnel!.targetData(chunk);
    else if (this.#mode === 'http') this.#responses.data(chunk);
  }

  agentEnd(): void {
    this.#agentEnded = true;
    if (this.#mode === 'tunnel') return this.#tunnel!.agentEnd();
    // The last answer may be of this very turn.
    if (this.#mode === 'over') return this.#context.wire.afterFlush(() => this.#context.wire.destroy('done'));
    if (this.#requests.unfinished) {
      this.#fail('the agent closed the connection in the middle of its request');
      return this.#context.wire.destroy('agent ended inside a request');
    }
    if (this.#open.length > 0 && this.#context.dialect.halfClosed === 'gone') return this.#context.wire.destroy('the agent left');
    this.#idle();
  }

  targetEnd(): void {
    this.#upstream.end();
    if (this.#mode === 'tunnel') return this.#tunnel!.targetEnd();
    if (this.#mode !== 'http') return;
    if (this.#responses.end()) return;
    // A target may close an idle connection at any time, and a client whose request meets that sends it again by itself, if
    // it sees the connection close (RFC 9112 9.3.1).
    const raced = this.#served > 0 && this.#open[0]?.status === '';
    if (this.#open.length > 0) return this.#broke('the target closed the connection before its answer was complete', raced);
    // It has seen nothing of a request that still waits, which gets a new connection once it may go on.
    if (!this.#requests.unsent) this.#finish();
  }

  evidenceFailed(error: EvidenceError): void {
    if (this.#mode === 'over') return;
    this.#answerInstead(problems.noEvidence(error));
    for (const each of this.#open.splice(0)) each.masked?.abandon();
    this.#requests.drop();
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
    this.#requests.leg.over = true;
  }

  #secure(chunk: Buffer): void {
    this.#mode = 'securing';
    this.#upstream.agentTls = true;
    this.#context.wire.secureAgent({ alpn: ['http/1.1'], pending: chunk }).then(
      () => (this.#mode = this.#mode === 'securing' ? 'http' : this.#mode),
      (error: Error) => this.#context.wire.destroy(`TLS with the agent failed: ${error.message}`),
    );
  }

  #completed(open: OpenExchange): void {
    this.#served++;
    if (open.last) return this.#finish();
    if (this.#open.length > 0) return;
    if (this.#requests.leg.unpark()) return;
    if (this.#upstream.ended && !this.#requests.unsent) this.#finish();
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
    const open = this.#open[0] ?? this.#requests.waiting;
    if (this.#mode !== 'http' || !open || open.answered) return;
    open.status = String(problem.status);
    this.#context.wire.toAgent(this.#context.dialect.answer(problem, { close: true, bodiless: open.head.method === 'HEAD' }));
  }

  #switch(open: OpenExchange, head: ResponseHead, rest: Buffer[]): void {
    this.#mode = 'tunnel';
    this.#open.length = 0;
    this.#tunnel = this.#context.dialect.tunnel(this.#context, open, head);
    for (const chunk of rest) this.#tunnel.targetData(chunk);
    for (const chunk of this.#requests.leg.requests.rest()) this.#tunnel.agentData(chunk);
    this.#requests.leg.end();
    if (this.#agentEnded) this.#tunnel.agentEnd();
  }

  /** Completes all that is open as failed. */
  #fail(reason: string): void {
    const { waiting } = this.#requests;
    for (const open of [...this.#open.splice(0), ...(waiting ? [waiting] : [])]) {
      open.error = reason;
      open.complete();
    }
    this.#requests.drop();
  }

  /** The agent will send no more: ends when nothing is left to do. */
  #idle(): void {
    if (this.#open.length > 0 || this.#requests.waiting || this.#requests.leg.held || this.#mode === 'over' || this.#mode === 'tunnel')
      return;
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
    this.#requests.leg.end();
    wire.deadline({ after: LINGER_MS, expired: () => wire.destroy('the agent did not close') });
  }
}
