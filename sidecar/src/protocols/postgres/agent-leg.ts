/** The agent's messages: each statement is decided before it is sent, what is only passed on is passed on as it came. */
import type { Operation } from '@cairn/crds';
import { admit } from './admission.js';
import type { Conversation } from './conversation.js';
import { describeCopy } from './copy.js';
import { ExtendedQuery } from './extended-query.js';
import type { FrameSink } from './frame.js';
import { attributionHint } from './hints.js';
import { MAX_PIPELINED } from './limits.js';
import { type ErrorWords, errorResponse, executeMessage, SYNC } from './messages.js';
import { Kind } from './pending.js';
import { SessionStatements } from './session-statements.js';

/** A portal that no agent has: an Execute of it fails at the server as a refused statement should. */
const REFUSED_PORTAL = 'cairn refused this statement';

export class AgentLeg implements FrameSink {
  /** After a refusal in a batch: the server skips until Sync, and so do we. */
  private skipping = false;

  private readonly statements: SessionStatements;
  private readonly extended: ExtendedQuery;

  constructor(private readonly conversation: Conversation) {
    this.statements = new SessionStatements(conversation);
    this.extended = new ExtendedQuery(conversation, this.statements, (words) => this.refuse(words));
  }

  streams(type: number): boolean {
    return type === 0x64; // CopyData
  }

  malformed(reason: string): void {
    this.fatal({ severity: 'FATAL', code: '08P01', message: `invalid message from the agent: ${reason}` });
  }

  private fatal(words: ErrorWords): void {
    const { conversation } = this;
    conversation.ended = true;
    conversation.flush();
    conversation.context.wire.toAgent(errorResponse(words));
    conversation.context.wire.endAgent();
    conversation.context.wire.endTarget();
  }

  message(type: number, buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    if (conversation.ended) return;
    try {
      if (this.skipping && type !== 0x53 && type !== 0x58) return;
      this.dispatch(type, buffer, start, end);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.malformed(error.message);
    }
    if (conversation.pending.size >= MAX_PIPELINED && !conversation.whenDrained) conversation.drain(() => {});
  }

  private dispatch(type: number, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case 0x51: // Query
        return this.query(buffer, start, end);
      case 0x50: // Parse
        return this.extended.parse(buffer, start, end);
      case 0x42: // Bind
        return this.extended.bind(buffer, start, end);
      case 0x45: // Execute
        return this.extended.execute(buffer, start, end);
      case 0x44: // Describe
        return this.extended.describe(buffer, start, end);
      case 0x43: // Close
        return this.extended.close(buffer, start, end);
      case 0x53: // Sync
        return this.sync(buffer, start, end);
      case 0x48: // Flush
        return this.conversation.toTarget.pass(buffer, start, end);
      case 0x46: // FunctionCall
        return this.functionCall(buffer, start, end);
      case 0x64: // CopyData
        return this.copyData(buffer, start, end);
      case 0x63: // CopyDone
      case 0x66: // CopyFail
        return this.copyEnd(buffer, start, end);
      case 0x58: // Terminate
        this.conversation.toTarget.pass(buffer, start, end);
        return this.conversation.flush();
      default:
        return this.malformed(`a message of unknown type 0x${type.toString(16)}`);
    }
  }

  piece(_type: number, buffer: Buffer, start: number, end: number): void {
    if (!this.conversation.ended && !this.skipping) this.copyData(buffer, start, end);
  }

  private copyData(buffer: Buffer, start: number, end: number): void {
    this.conversation.copyIn?.request?.add(buffer.subarray(start, end));
    this.conversation.toTarget.pass(buffer, start, end);
  }

  private copyEnd(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    if (conversation.copyIn && conversation.pending.kind === Kind.Execute) conversation.pending.dropSyncsAfterHead();
    conversation.copyIn = undefined;
    conversation.toTarget.pass(buffer, start, end);
  }

  private query(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const text = buffer.toString('utf8', start + 5, end - 1);
    if (buffer[end - 1] !== 0) return this.malformed('a Query is not terminated');
    const classified = conversation.misread ? undefined : conversation.classifier.classify(text);
    if (classified?.stateful && !this.statements.namesSettled(classified)) return conversation.drain(() => this.query(buffer, start, end));
    const empty = classified?.error === undefined && classified?.statements.length === 0;
    if (empty) {
      conversation.toTarget.pass(buffer, start, end);
      return conversation.pending.push(Kind.Query);
    }
    const bytes = buffer.subarray(start, end);
    const request = this.statements.request(text, classified, { bytes, exact: () => [bytes] });
    const source = this.statements.source(classified);
    admit(
      conversation,
      request,
      (admitted) => {
        conversation.retag(conversation.attribute(request.hint));
        const execution = this.statements.execution(admitted, source);
        if (admitted.masker?.fields) describeCopy(conversation, classified?.statements[0], text, execution, true);
        const after = classified?.stateful ? this.statements.applyNames(classified) : undefined;
        conversation.toTarget.pass(buffer, start, end);
        conversation.pending.push(Kind.Query, { execution, after });
        conversation.batch++;
      },
      (words) => this.refuseAlone(words),
    );
  }

  /** A refused message that is a batch of its own. */
  private refuseAlone(words: ErrorWords): void {
    const { conversation } = this;
    this.refuse(words);
    this.skipping = false;
    conversation.toTarget.write(SYNC);
    conversation.pending.push(Kind.Sync);
    conversation.batch++;
  }

  private sync(buffer: Buffer, start: number, end: number): void {
    this.skipping = false;
    this.conversation.toTarget.pass(buffer, start, end);
    this.conversation.pending.push(Kind.Sync);
    this.conversation.batch++;
  }

  private functionCall(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const oid = buffer.readUInt32BE(start + 5);
    const bytes = buffer.subarray(start, end);
    const text = `FUNCTION CALL ${oid}`;
    const operations: Operation[] = [{ verb: 'CALL', resource: `oid:${oid}`, effect: 'write' }];
    admit(
      conversation,
      {
        text,
        classified: undefined,
        operations,
        hint: attributionHint(''),
        bytes,
        exact: () => [bytes],
        unmaskable: () => 'the result of a function call message cannot be masked; call the function in a SELECT',
      },
      (admitted) => {
        conversation.toTarget.pass(buffer, start, end);
        conversation.pending.push(Kind.Function, { execution: this.statements.execution(admitted, this.statements.source(undefined)) });
        conversation.batch++;
      },
      (words) => this.refuseAlone(words),
    );
  }

  /**
   * Puts a message that surely fails in the place of the refused one: the server answers in order, skips the rest of the
   * batch and fails the transaction, as it would for an error of its own; the target leg puts our words on it.
   */
  private refuse(words: ErrorWords): void {
    const { conversation } = this;
    conversation.toTarget.write(executeMessage(REFUSED_PORTAL));
    conversation.pending.push(Kind.Refused, { words });
    this.skipping = true;
  }
}
