/** The agent's messages: each statement is decided before it is sent, what is only passed on is passed on as it came. */
import type { Operation } from '@cairn/crds';
import { admit, type Admitted, type Request } from './admission.js';
import { bindNames, readBinds } from './binds.js';
import type { Conversation } from './conversation.js';
import { describeCopy, unmaskable } from './copy.js';
import { Execution, type ResultSource } from './execution.js';
import type { FrameSink } from './frame.js';
import { attributionHint } from './hints.js';
import { MAX_PIPELINED } from './limits.js';
import { cstringEnd, describeMessage, type ErrorWords, errorResponse, executeMessage, FLUSH, SYNC } from './messages.js';
import type { Portal, Prepared } from './names.js';
import { Kind } from './pending.js';
import { SessionStatements } from './session-statements.js';
import type { Classified } from './sql/classified.js';

/** A portal that no agent has: an Execute of it fails at the server as a refused statement should. */
const REFUSED_PORTAL = 'cairn refused this statement';
const EMPTY = Buffer.alloc(0);

export class AgentLeg implements FrameSink {
  /** After a refusal in a batch: the server skips until Sync, and so do we. */
  private skipping = false;

  private readonly statements: SessionStatements;

  constructor(private readonly conversation: Conversation) {
    this.statements = new SessionStatements(conversation);
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
        return this.parse(buffer, start, end);
      case 0x42: // Bind
        return this.bind(buffer, start, end);
      case 0x45: // Execute
        return this.execute(buffer, start, end);
      case 0x44: // Describe
        return this.describe(buffer, start, end);
      case 0x43: // Close
        return this.close(buffer, start, end);
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
    const request = this.request(text, classified, { bytes, exact: () => [bytes] });
    const source = this.statements.source(classified);
    admit(
      conversation,
      request,
      (admitted) => {
        conversation.retag(conversation.attribute(request.hint));
        const execution = this.execution(admitted, source);
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

  private request(text: string, classified: Classified | undefined, rest: Pick<Request, 'bytes' | 'exact'>): Request {
    const unread = !classified || classified.error !== undefined;
    return {
      text,
      classified,
      operations: unread ? undefined : this.statements.resolve(classified),
      problem: classified?.error ?? 'the server reads text in an encoding or by rules under which it cannot be parsed reliably',
      hint: attributionHint(text),
      unmaskable: (masker) => unmaskable(classified, masker),
      ...rest,
    };
  }

  private execution(admitted: Admitted, source: ResultSource): Execution {
    const { target, record } = this.conversation.context;
    return new Execution(admitted.exchange, admitted.verdict, admitted.masker, source, target.capture, record);
  }

  private parse(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const nameEnd = cstringEnd(buffer, start + 5, end);
    const textEnd = cstringEnd(buffer, nameEnd + 1, end);
    const name = nameEnd === start + 5 ? '' : buffer.toString('utf8', start + 5, nameEnd);
    const existing = conversation.names.prepared(name);
    if (name !== '' && existing && !conversation.settled(existing)) return conversation.drain(() => this.parse(buffer, start, end));
    if (name !== '' && !existing && conversation.names.statementsFull)
      return this.refuse({ code: '54000', message: 'this session has too many prepared statements', hint: 'Close or DEALLOCATE some.' });
    const text = buffer.toString('utf8', nameEnd + 1, textEnd);
    const unread: Classified = {
      operations: [],
      statements: [],
      stateful: false,
      error: 'the server reads text in a way that cannot be parsed reliably',
    };
    const classified = conversation.misread ? unread : conversation.classifier.classify(text);
    const entry = this.statements.entry(name, text, classified);
    const count = textEnd + 3 <= end ? buffer.readUInt16BE(textEnd + 1) : 0;
    for (let index = 0; index < count; index++) entry.types.push(buffer.readUInt32BE(textEnd + 3 + 4 * index));
    const denied = this.deniedAtParse(entry, buffer.subarray(start, end));
    if (denied) return;
    conversation.retag(conversation.attribute(entry.hint));
    conversation.toTarget.pass(buffer, start, end);
    const replace = name !== '' && existing !== undefined && !existing.closed;
    conversation.pending.push(Kind.Parse, { prepared: entry, replace });
    if (!replace) return conversation.names.prepare(entry);
    // The server refuses a name that it has; should it not have it, the answer says so. Until then nobody may use it.
    conversation.toTarget.write(FLUSH);
    conversation.drain(() => {});
  }

  /** A statement that is denied whatever its binds are need not be prepared. */
  private deniedAtParse(entry: Prepared, bytes: Buffer): boolean {
    const { conversation } = this;
    const { classified, text } = entry;
    if (classified.error === undefined && (classified.statements.length === 0 || text.includes('$'))) return false;
    const operations = classified.error === undefined ? this.statements.resolve(classified) : undefined;
    if (conversation.context.decide(operations, conversation.attribute(entry.hint)).action !== 'Deny') return false;
    admit(
      conversation,
      { ...this.request(text, classified, { bytes, exact: () => [bytes] }), hint: entry.hint },
      () => {},
      (words) => this.refuse(words),
    );
    return true;
  }

  private bind(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const { portal: name, statement, at } = bindNames(buffer, start, end);
    const prepared = conversation.names.prepared(statement);
    const existing = name === '' ? undefined : conversation.names.portal(name);
    if ((prepared && !conversation.settled(prepared)) || (existing && !conversation.settled(existing)))
      return conversation.drain(() => this.bind(buffer, start, end));
    if (name !== '' && !existing && conversation.names.portalsFull)
      return this.refuse({ code: '54000', message: 'this session has too many open portals', hint: 'Close some.' });
    if (prepared) conversation.retag(conversation.attribute(prepared.hint));
    const portal: Portal = {
      name,
      prepared: prepared?.closed ? undefined : prepared,
      buffer,
      from: at,
      end,
      ...conversation.change(),
      description: undefined,
      described: undefined,
      suspended: false,
      formats: [],
    };
    conversation.toTarget.pass(buffer, start, end);
    conversation.pending.push(Kind.Bind, { portal });
    if (!existing) return conversation.names.bind(portal);
    conversation.toTarget.write(FLUSH);
    conversation.drain(() => {});
  }

  private execute(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const nameEnd = cstringEnd(buffer, start + 5, end);
    const name = nameEnd === start + 5 ? '' : buffer.toString('utf8', start + 5, nameEnd);
    const portal = conversation.names.portal(name);
    if (portal && !conversation.settled(portal)) return conversation.drain(() => this.execute(buffer, start, end));
    const prepared = portal?.prepared;
    const classified = prepared?.classified;
    if (classified?.stateful && !this.statements.namesSettled(classified))
      return conversation.drain(() => this.execute(buffer, start, end));
    if (classified && classified.error === undefined && classified.statements.length === 0) {
      conversation.toTarget.pass(buffer, start, end);
      return conversation.pending.push(Kind.Execute);
    }
    const request = this.executeRequest(name, portal, buffer.subarray(start, end));
    const go = (admitted: Admitted): void => this.sendExecute(admitted, portal, name, buffer, start, end);
    if (
      portal?.suspended &&
      conversation.context.decide(request.operations, conversation.attribute(request.hint)).action === 'RequireApproval'
    ) {
      // The portal was approved whole when it was first executed.
      request.operations = request.operations?.map(({ verb, resource }) => ({
        verb: verb === 'FETCH' ? verb : 'FETCH',
        resource,
        effect: 'read',
      }));
    }
    admit(conversation, request, go, (words) => this.refuse(words));
  }

  private executeRequest(name: string, portal: Portal | undefined, bytes: Buffer): Request {
    const prepared = portal?.prepared;
    if (!portal || !prepared) {
      // A portal that was not bound here may be a cursor that SQL declared.
      const operations: readonly Operation[] = (portal ? undefined : this.conversation.names.cursor(name)?.operations) ?? [
        { verb: 'EXECUTE', resource: name, effect: 'write' },
      ];
      const text = `EXECUTE PORTAL ${JSON.stringify(name)}`;
      return { text, classified: undefined, operations, hint: attributionHint(''), bytes, exact: () => [Buffer.from(text)] };
    }
    const binds = readBinds(portal.buffer, portal.from, portal.end, prepared.types);
    portal.formats = binds.resultFormats;
    const { classified, text, hint } = prepared;
    const message = portal.buffer.subarray(portal.from, portal.end);
    return {
      text,
      classified,
      operations: classified.error === undefined ? this.statements.resolve(classified) : undefined,
      problem: classified.error,
      parameters: binds.count > 0 ? binds.values : undefined,
      truncated: binds.truncated,
      hint,
      bytes: message,
      exact: () => [Buffer.from(text), message],
      unmaskable: (masker) => unmaskable(classified, masker),
    };
  }

  /** Whether the columns are known, or will be when the rows come: by a Describe of the same batch, which fails with it. */
  private described(what: Portal | Prepared | undefined): boolean {
    return what !== undefined && (what.description !== undefined || what.described === this.conversation.batch);
  }

  private sendExecute(admitted: Admitted, portal: Portal | undefined, name: string, buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const classified = portal?.prepared?.classified;
    const execution = this.execution(admitted, this.statements.source(classified));
    if (admitted.masker?.fields) describeCopy(conversation, classified?.statements[0], portal?.prepared?.text ?? '', execution, false);
    let source = portal;
    if (!this.described(portal) && !this.described(portal?.prepared) && (admitted.masker || classified?.statements[0]?.outputs)) {
      const unknown = { name, prepared: undefined, buffer: EMPTY, from: 0, end: 0, description: undefined, suspended: false, formats: [] };
      source = portal ?? { ...unknown, ...conversation.change(), described: conversation.batch };
      source.described = conversation.batch;
      conversation.toTarget.write(describeMessage('P', name));
      conversation.pending.push(Kind.OwnDescribe, { portal: source });
    }
    const after = classified?.stateful ? this.statements.applyNames(classified) : undefined;
    conversation.toTarget.pass(buffer, start, end);
    conversation.pending.push(Kind.Execute, { execution, portal: source, after });
  }

  private describe(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const name = buffer.toString('utf8', start + 6, cstringEnd(buffer, start + 6, end));
    conversation.toTarget.pass(buffer, start, end);
    if (buffer[start + 5] === 0x53) {
      const prepared = conversation.names.prepared(name);
      if (prepared) prepared.described = conversation.batch;
      conversation.pending.push(Kind.DescribeStatement, prepared && { prepared });
    } else {
      const portal = conversation.names.portal(name);
      if (portal) portal.described = conversation.batch;
      conversation.pending.push(Kind.DescribePortal, portal && { portal });
    }
  }

  private close(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const name = buffer.toString('utf8', start + 6, cstringEnd(buffer, start + 6, end));
    if (buffer[start + 5] === 0x53) {
      const known = conversation.names.prepared(name);
      if (known && !conversation.settled(known)) return conversation.drain(() => this.close(buffer, start, end));
      const closed = conversation.names.close(name, conversation.change());
      conversation.pending.push(Kind.Close, closed && { prepared: closed });
    } else {
      // Its place stays taken until the server has closed it, so that the name's next use is waited for.
      const portal = conversation.names.portal(name);
      conversation.pending.push(Kind.Close, portal && { portal });
    }
    conversation.toTarget.pass(buffer, start, end);
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
        conversation.pending.push(Kind.Function, { execution: this.execution(admitted, this.statements.source(undefined)) });
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
