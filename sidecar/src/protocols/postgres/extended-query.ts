/** The extended query protocol: statements are prepared, bound and executed under names (PostgreSQL 55.2.3). */
import type { Operation } from '@cairn/crds';
import { admit, type Admitted, type Request } from './admission.js';
import { bindNames, readBinds } from './binds.js';
import type { Conversation } from './conversation.js';
import { describeCopy, unmaskable } from './copy.js';
import { attributionHint } from './hints.js';
import { cstringEnd, describeMessage, type ErrorWords, FLUSH } from './messages.js';
import type { Portal, Prepared } from './names.js';
import { Kind } from './pending.js';
import type { SessionStatements } from './session-statements.js';
import type { Classified } from './sql/classified.js';

const EMPTY = Buffer.alloc(0);

export class ExtendedQuery {
  constructor(
    private readonly conversation: Conversation,
    private readonly statements: SessionStatements,
    /** Fails the batch at the server, in these words. */
    private readonly refuse: (words: ErrorWords) => void,
  ) {}

  parse(buffer: Buffer, start: number, end: number): void {
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
      { ...this.statements.request(text, classified, { bytes, exact: () => [bytes] }), hint: entry.hint },
      () => {},
      (words) => this.refuse(words),
    );
    return true;
  }

  bind(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const { portal: name, statement, at } = bindNames(buffer, start, end);
    const prepared = conversation.names.prepared(statement);
    const existing = name === '' ? undefined : conversation.names.portal(name);
    if ((prepared && !conversation.settled(prepared)) || (existing && !conversation.settled(existing)))
      return conversation.drain(() => this.bind(buffer, start, end));
    if (name !== '' && !existing && conversation.names.portalsFull)
      return this.refuse({ code: '54000', message: 'this session has too many open portals', hint: 'Close some.' });
    if (prepared) conversation.retag(conversation.attribute(prepared.hint));
    const { sequence, batch } = conversation.change();
    const portal: Portal = {
      name,
      prepared: prepared?.closed ? undefined : prepared,
      buffer,
      from: at,
      end,
      sequence,
      batch,
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

  execute(buffer: Buffer, start: number, end: number): void {
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
    const execution = this.statements.execution(admitted, this.statements.source(classified));
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

  describe(buffer: Buffer, start: number, end: number): void {
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

  close(buffer: Buffer, start: number, end: number): void {
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
}
