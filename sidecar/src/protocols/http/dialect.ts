/**
 * What a protocol on top of HTTP/1.1 says in its own way. The session frames, decides, records and forwards for all of
 * them; a dialect says what a request means, how a refusal is worded, and what of heads and answers is its own.
 */
import type { Operation, Target, Verdict } from '@cairn/crds';
import type { Masker } from '../../guard/mask.js';
import type { SessionContext } from '../protocol.js';
import type { Decided } from './decided.js';
import type { RequestHead, ResponseHead } from './head.js';
import type { Maskable } from './mask-body.js';
import type { OpenExchange } from './open-exchange.js';
import type { Problem } from './problem.js';
import type { RequestChange } from './rewrite.js';

export interface Dialect {
  /** `checked`: a request names the host that its connection leads to. `replaced`: the target serves one host only, which is written in place of what the agent names. */
  readonly host: 'checked' | 'replaced';
  /** An agent that sends no more while it is answered: `answered` to the end, or `gone`, as where answers may never end. */
  readonly halfClosed: 'answered' | 'gone';
  /** Bytes of a request's body that its meaning lies in: so many are waited for before it is decided; 0: none. */
  reads(head: RequestHead, path: string): number;
  /** All that a request may mean to its target, one at least; `path` is the origin-form target, `body` is whole. Does not throw. */
  interpret(head: RequestHead, path: string, body?: Buffer): Operation[];
  /** Why a request is refused whatever rules say. */
  refusal(context: SessionContext, head: RequestHead, path: string): Problem | undefined;
  /** The body that the target gets in place of the agent's, or why it must not get it; undefined where it passes as it is. */
  amend(context: SessionContext, decided: Decided, body: Buffer | undefined): Buffer | Problem | undefined;
  /** What is hidden of the answer to an operation. */
  masker(verdict: Verdict, operation: Operation, target: Target): Masker | undefined;
  /** How an answer can be masked, or a sentence why not. */
  maskable(head: ResponseHead, masker: Masker, operation: Operation): Maskable | string;
  /** How the head changes on its way to the target. `event` is the intent's id. */
  change(context: SessionContext, decided: Decided, event: string): RequestChange;
  /** The whole response that tells the agent of a problem. `bodiless` for HEAD; `close` where the connection ends with it. */
  answer(problem: Problem, how: { close: boolean; bodiless: boolean }): Buffer;
  /** Reads the payload of an answer for what the record says of it; undefined where nothing is read. */
  result(operation: Operation, head: ResponseHead): ResultReader | undefined;
  /** Takes over both legs after `head`, a 101 Switching Protocols. */
  tunnel(context: SessionContext, open: OpenExchange, head: ResponseHead): TunnelSession;
}

/** What of an answer stands in the record beside its bytes. */
export interface Result {
  rows?: number | undefined;
  resourceVersion?: string | undefined;
}

export interface ResultReader {
  write(part: Buffer): void;
  /** Called once, also where the answer was cut off. */
  end(): Result;
}

export interface TunnelSession {
  agentData(chunk: Buffer): void;
  targetData(chunk: Buffer): void;
  agentEnd(): void;
  targetEnd(): void;
  /** Both legs are gone; `reason` is the error that is recorded. */
  closed(reason?: string): void;
}

export interface HttpContext extends SessionContext {
  readonly dialect: Dialect;
}
