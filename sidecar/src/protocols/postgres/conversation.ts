/** What both legs of an open connection share: who waits for what, the names of the session, and the way to send. */
import type { Attribution, AttributionHint } from '../../attribute/attribution.js';
import { identityTag } from '../../attribute/attribution.js';
import type { SessionContext } from '../protocol.js';
import type { Execution } from './execution.js';
import type { Framer } from './frame.js';
import { MAX_APPLICATION_NAME_BYTES } from './limits.js';
import { type ErrorWords, queryMessage } from './messages.js';
import { type Portal, type Prepared, SessionNames } from './names.js';
import { Kind, PendingAnswers } from './pending.js';
import { Run } from './run.js';
import type { SqlClassifier } from './sql/classify.js';
import { cutUtf8 } from './startup.js';

export type Awaited =
  | { execution: Execution; portal?: Portal | undefined; after?: ((failed: boolean) => void) | undefined }
  | { words: ErrorWords }
  | { prepared: Prepared; replace?: boolean }
  | { portal: Portal }
  | { copyOf: Execution };

export const TRANSACTION_IDLE = 0x49;
export const TRANSACTION_FAILED = 0x45;

export class Conversation {
  readonly pending = new PendingAnswers<Awaited>();
  readonly names = new SessionNames();
  readonly toAgent: Run;
  readonly toTarget: Run;
  agentFrames!: Framer;
  /** Status byte of the last ReadyForQuery. */
  transaction = TRANSACTION_IDLE;
  /** Sync-delimited batches so far. */
  batch = 0;
  /** application_name as the server last reported it. */
  tag: string;
  /** The server reads text in a way that the parser does not: nothing can be classified. */
  misread = false;
  /** The COPY ... FROM STDIN that takes the agent's data. */
  copyIn: Execution | undefined;
  /** The agent's leg waits until every answer is there, then goes on with this. */
  whenDrained: (() => void) | undefined;
  ended = false;
  private held = 0;
  private attributed: { batch: number; hint: AttributionHint; attribution: Attribution } | undefined;

  constructor(
    readonly context: SessionContext,
    readonly classifier: SqlClassifier,
    tag: string,
  ) {
    this.tag = tag;
    this.toAgent = new Run((bytes) => context.wire.toAgent(bytes));
    this.toTarget = new Run((bytes) => context.wire.toTarget(bytes));
  }

  flush(): void {
    this.toAgent.flush();
    this.toTarget.flush();
  }

  /** Stops reading the agent's messages after the one that is being read. */
  hold(): void {
    this.agentFrames.halted = true;
    if (this.held++ === 0) this.context.wire.pauseAgent();
  }

  release(): void {
    if (this.held === 0 || --this.held > 0) return;
    this.context.wire.resumeAgent();
    if (!this.ended) this.agentFrames.resume();
    this.flush();
  }

  /** The agent's leg waits until the server answered everything; `then` runs before it goes on. */
  drain(then: () => void): void {
    this.hold();
    this.whenDrained = then;
    this.drained();
  }

  drained(): void {
    const then = this.whenDrained;
    if (!then || this.pending.size > 0) return;
    this.whenDrained = undefined;
    then();
    this.release();
  }

  /** Whether the server surely has this change, or will skip whatever relies on it. */
  settled(change: { sequence: number; batch: number }): boolean {
    return change.batch === this.batch || change.sequence < this.pending.headSequence;
  }

  change(): { sequence: number; batch: number } {
    return { sequence: this.pending.nextSequence, batch: this.batch };
  }

  /** One attribution a batch and hint: its statements belong to one request. */
  attribute(hint: AttributionHint): Attribution {
    const known = this.attributed;
    if (known && known.batch === this.batch && known.hint === hint) return known.attribution;
    const attribution = this.context.attribute(hint);
    this.attributed = { batch: this.batch, hint, attribution };
    return attribution;
  }

  /** Tags the server session with who acts now. Only between batches: elsewhere it would stand in the middle of the agent's own. */
  retag(attribution: Attribution): void {
    if (this.pending.size > 0 || this.transaction === TRANSACTION_FAILED) return;
    const tag = tagOf(attribution);
    if (tag === this.tag) return;
    this.tag = tag;
    this.toTarget.write(queryMessage(`SET application_name TO '${tag.replaceAll("'", "''")}'`));
    this.pending.push(Kind.OwnQuery);
  }
}

const tags = new WeakMap<object, string>();

/** application_name of an attribution: printable ASCII, as the server would make of it anyway, at most 63 bytes. */
export function tagOf(attribution: Attribution): string {
  const key = attribution.identity ?? attribution;
  let tag = tags.get(key);
  if (tag === undefined) {
    // pg_clean_ascii: bytes outside printable ASCII become escapes; a backslash could change how the literal is read.
    tag = cutUtf8(identityTag(attribution), MAX_APPLICATION_NAME_BYTES).replaceAll(/[^ -[\]-~]/gu, '?');
    tags.set(key, tag);
  }
  return tag;
}
