/** The server's messages: told apart by what they answer, counted and captured, masked or passed on as they came. */
import { MASK } from '../../guard/mask.js';
import { type Awaited, type Conversation, TRANSACTION_IDLE } from './conversation.js';
import { describe, type Description, type Execution, withFormats } from './execution.js';
import type { FrameSink } from './frame.js';
import { cstringEnd, errorFields, errorResponse, message } from './messages.js';
import type { Portal } from './names.js';
import { Kind } from './pending.js';
import { isUnsafeSetting } from './sql/classify.js';

export class TargetLeg implements FrameSink {
  /** Masks of the last exchange: notices and notifications beside a result may tell what it hides. */
  private masked: Execution | undefined;

  constructor(private readonly conversation: Conversation) {}

  streams(type: number): boolean {
    if (type !== 0x44 && type !== 0x64) return false; // DataRow, CopyData
    return !this.execution()?.masks;
  }

  malformed(reason: string): void {
    const { conversation } = this;
    if (conversation.ended) return;
    conversation.ended = true;
    conversation.flush();
    conversation.context.wire.toAgent(
      errorResponse({ severity: 'FATAL', code: '08P01', message: `invalid message from the server: ${reason}` }),
    );
    conversation.context.wire.endAgent();
    conversation.context.wire.endTarget();
  }

  private item<Key extends string>(key: Key): Extract<Awaited, Record<Key, unknown>> | undefined {
    const { item } = this.conversation.pending;
    return item && key in item ? (item as Extract<Awaited, Record<Key, unknown>>) : undefined;
  }

  private execution(): Execution | undefined {
    const { item } = this.conversation.pending;
    return item && 'execution' in item ? item.execution : undefined;
  }

  piece(type: number, buffer: Buffer, start: number, end: number, first: boolean): void {
    const execution = this.execution();
    if (execution) {
      if (first && type === 0x44 && !execution.opened) this.open(execution);
      if (first) execution.countRow();
      execution.take(buffer, start, end);
    }
    this.conversation.toAgent.pass(buffer, start, end);
  }

  message(type: number, buffer: Buffer, start: number, end: number): void {
    if (this.conversation.ended) return;
    try {
      this.dispatch(type, buffer, start, end);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.malformed(error.message);
    }
    if (this.conversation.whenDrained) this.conversation.drained();
  }

  private dispatch(type: number, buffer: Buffer, start: number, end: number): void {
    const { pending, toAgent } = this.conversation;
    if (pending.kind === Kind.OwnQuery) return this.ownQuery(type, buffer, start, end);
    switch (type) {
      case 0x44: // DataRow
        return this.row(buffer, start, end);
      case 0x64: // CopyData
        return this.copyData(buffer, start, end);
      case 0x43: // CommandComplete
        return this.completed(buffer, start, end);
      case 0x5a: // ReadyForQuery
        return this.ready(buffer, start, end);
      case 0x54: // RowDescription
      case 0x6e: // NoData
        return this.described(type, buffer, start, end);
      case 0x74: // ParameterDescription
        return this.parameters(buffer, start, end);
      case 0x31: // ParseComplete
      case 0x32: // BindComplete
      case 0x33: // CloseComplete
        return this.acknowledged(buffer, start, end);
      case 0x45: // ErrorResponse
        return this.failed(buffer, start, end);
      case 0x49: // EmptyQueryResponse
      case 0x73: // PortalSuspended
        return this.paused(type, buffer, start, end);
      case 0x47: // CopyInResponse
        return this.copyIn(buffer, start, end);
      case 0x48: // CopyOutResponse
        this.execution()?.openCopy(buffer.readUInt16BE(start + 6));
        return this.pass(buffer, start, end);
      case 0x57: // CopyBothResponse
        return this.malformed('a replication stream');
      case 0x53: // ParameterStatus
        this.setting(buffer, start, end);
        return toAgent.pass(buffer, start, end);
      case 0x4e: // NoticeResponse
      case 0x41: // NotificationResponse
        return this.aside(type, buffer, start, end);
      case 0x56: // FunctionCallResponse
      case 0x63: // CopyDone
        return this.pass(buffer, start, end);
      default:
        return toAgent.pass(buffer, start, end);
    }
  }

  /** On to the agent, and into the capture of the exchange it answers. */
  private pass(buffer: Buffer, start: number, end: number): void {
    this.execution()?.take(buffer, start, end);
    this.conversation.toAgent.pass(buffer, start, end);
  }

  private row(buffer: Buffer, start: number, end: number): void {
    const execution = this.execution();
    if (execution && !execution.opened) this.open(execution);
    const masked = execution?.row(buffer, start, end);
    if (masked) this.conversation.toAgent.write(masked);
    else this.conversation.toAgent.pass(buffer, start, end);
  }

  private copyData(buffer: Buffer, start: number, end: number): void {
    const masked = this.execution()?.copyLine(buffer, start, end);
    if (masked) this.conversation.toAgent.write(masked);
    else this.conversation.toAgent.pass(buffer, start, end);
  }

  /** Columns of an Execute are those of its portal, or of its statement with the formats that Bind asked for. */
  private open(execution: Execution): void {
    const portal = this.item('execution')?.portal;
    execution.open(portal && this.descriptionOf(portal), true);
  }

  private descriptionOf(portal: Portal): Description | undefined {
    if (portal.description) return portal.description;
    const statement = portal.prepared?.description;
    return statement && (portal.description = withFormats(statement, portal.formats));
  }

  private described(type: number, buffer: Buffer, start: number, end: number): void {
    const { pending, toAgent } = this.conversation;
    const { kind, item } = pending;
    if (kind === Kind.Query) {
      const execution = this.execution();
      if (execution && type === 0x54) execution.open(describe(execution.source.classified, buffer, start, end));
      return this.pass(buffer, start, end);
    }
    if (item && type === 0x54) {
      if ('portal' in item && item.portal) item.portal.description = describe(item.portal.prepared?.classified, buffer, start, end);
      else if ('prepared' in item) item.prepared.description = describe(item.prepared.classified, buffer, start, end);
      else if ('copyOf' in item) item.copyOf.copyColumns = describe(undefined, buffer, start, end).columns.map(({ name }) => name);
    }
    pending.shift();
    if (kind !== Kind.OwnDescribe) toAgent.pass(buffer, start, end);
  }

  private parameters(buffer: Buffer, start: number, end: number): void {
    const prepared = this.item('prepared')?.prepared;
    if (prepared) {
      const count = buffer.readUInt16BE(start + 5);
      prepared.types = Array.from({ length: count }, (_, index) => buffer.readUInt32BE(start + 7 + 4 * index));
    }
    if (this.conversation.pending.kind !== Kind.OwnDescribe) this.conversation.toAgent.pass(buffer, start, end);
  }

  private acknowledged(buffer: Buffer, start: number, end: number): void {
    const { pending, names, toAgent } = this.conversation;
    const { kind, item } = pending;
    if (item && 'prepared' in item) {
      if (item.replace) names.prepare(item.prepared);
      names.answered(item.prepared);
    } else if (item && 'portal' in item && item.portal) {
      if (kind === Kind.Close) names.undoBind(item.portal);
      else names.bind(item.portal);
    }
    pending.shift();
    if (kind !== Kind.Own) toAgent.pass(buffer, start, end);
  }

  private completed(buffer: Buffer, start: number, end: number): void {
    const { pending } = this.conversation;
    const execution = this.execution();
    if (execution && pending.kind === Kind.Execute && !execution.opened) this.open(execution);
    this.pass(buffer, start, end);
    execution?.completed(buffer, end);
    if (pending.kind === Kind.Execute) this.finish();
  }

  private paused(type: number, buffer: Buffer, start: number, end: number): void {
    this.pass(buffer, start, end);
    if (this.conversation.pending.kind !== Kind.Execute) return;
    const item = this.item('execution');
    if (type === 0x73) {
      item?.execution.countTaken();
      if (item?.portal) item.portal.suspended = true;
    }
    this.finish();
  }

  /** The answer at the head is whole. */
  private finish(): void {
    const item = this.item('execution');
    if (item) {
      item.execution.complete();
      item.after?.(item.execution.error !== undefined);
      if (this.conversation.copyIn === item.execution) this.conversation.copyIn = undefined;
      this.masked = item.execution.masks ? item.execution : undefined;
    }
    this.conversation.pending.shift();
  }

  private ready(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const { pending } = conversation;
    const { kind } = pending;
    conversation.transaction = buffer[start + 5] ?? TRANSACTION_IDLE;
    if (kind === Kind.OwnSync) return pending.shift();
    if (conversation.transaction === TRANSACTION_IDLE) conversation.names.endTransaction(pending.headSequence);
    if (kind === Kind.Query || kind === Kind.Function) this.finish();
    else if (kind === Kind.Sync) pending.shift();
    else throw new RangeError('the server is ready for a query that nobody sent');
    conversation.toAgent.pass(buffer, start, end);
  }

  private failed(buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    const { pending } = conversation;
    const { kind } = pending;
    const fields = errorFields(buffer, start, end);
    const error = { code: fields.get('C') ?? 'XX000', message: fields.get('M') ?? '' };
    if (kind === Kind.Refused) conversation.toAgent.write(errorResponse(this.item('words')!.words));
    else if (kind !== Kind.Own && kind !== Kind.OwnSync) this.toAgentMasked(0x45, fields, buffer, start, end);
    if (kind === Kind.Query || kind === Kind.Function) {
      const execution = this.execution();
      if (execution) execution.error = error;
    } else if (kind === Kind.OwnDescribe && 'copyOf' in (pending.item ?? {})) {
      this.skipOwn(buffer, start, end, fields);
    } else if (kind !== Kind.None && kind !== Kind.Sync) this.skipBatch(error);
  }

  /** Our Describe before a COPY failed: what it names does not exist, as the COPY itself will say (in a batch: has said). */
  private skipOwn(_buffer: Buffer, _start: number, _end: number, fields: Map<string, string>): void {
    const { pending } = this.conversation;
    while (pending.kind === Kind.Own || pending.kind === Kind.OwnDescribe) pending.shift();
    if (pending.kind !== Kind.OwnSync) this.skipBatch({ code: fields.get('C') ?? 'XX000', message: fields.get('M') ?? '' });
  }

  /** After an error the server skips to the next Sync; nothing before it will be answered. */
  private skipBatch(error: { code: string; message: string }): void {
    const { pending, names } = this.conversation;
    for (let first = true; pending.size > 0 && pending.kind !== Kind.Sync && pending.kind !== Kind.OwnSync; first = false) {
      const { item } = pending;
      if (item && 'execution' in item) {
        item.execution.error = error;
        item.execution.complete(error.code, first ? error.message : `not run, because the batch had failed: ${error.message}`);
        item.after?.(true);
        if (this.conversation.copyIn === item.execution) this.conversation.copyIn = undefined;
      } else if (item && 'prepared' in item && !item.replace) names.undo(item.prepared);
      else if (item && 'portal' in item && pending.kind === Kind.Bind && item.portal) names.undoBind(item.portal);
      pending.shift();
    }
  }

  /** The answer to our SET: nothing of it is the agent's, but what comes at any time is. */
  private ownQuery(type: number, buffer: Buffer, start: number, end: number): void {
    const { conversation } = this;
    if (type === 0x41) return this.aside(type, buffer, start, end);
    if (type === 0x53) this.setting(buffer, start, end);
    if (type === 0x45) conversation.context.log('the server refused application_name', { code: errorFields(buffer, start, end).get('C') });
    if (type !== 0x5a) return;
    conversation.transaction = buffer[start + 5] ?? TRANSACTION_IDLE;
    conversation.pending.shift();
  }

  private copyIn(buffer: Buffer, start: number, end: number): void {
    const execution = this.execution();
    execution?.openRequest();
    this.conversation.copyIn = execution;
    this.pass(buffer, start, end);
  }

  /** A ParameterStatus; returns its name. */
  setting(buffer: Buffer, start: number, end: number): string {
    const nameEnd = cstringEnd(buffer, start + 5, end);
    const name = buffer.toString('utf8', start + 5, nameEnd);
    const value = buffer.toString('utf8', nameEnd + 1, end - 1);
    if (name === 'application_name') this.conversation.tag = value;
    if (name === 'client_encoding' || name === 'standard_conforming_strings') {
      this.settings.set(name, isUnsafeSetting(name, value));
      this.conversation.misread = [...this.settings.values()].includes(true);
    }
    return name;
  }

  private readonly settings = new Map<string, boolean>();

  private aside(type: number, buffer: Buffer, start: number, end: number): void {
    const masker = (this.execution() ?? this.masked)?.masker;
    if (type === 0x4e) return this.toAgentMasked(type, errorFields(buffer, start, end), buffer, start, end);
    const channelEnd = cstringEnd(buffer, start + 9, end);
    const found = masker?.text(buffer.toString('utf8', channelEnd + 1, end - 1));
    if (!found) return this.conversation.toAgent.pass(buffer, start, end);
    this.conversation.toAgent.write(message('A', buffer.subarray(start + 5, channelEnd + 1), found.value, '\0'));
  }

  /** Errors and notices quote values ("Key (email)=(...) already exists"). */
  private toAgentMasked(type: number, fields: Map<string, string>, buffer: Buffer, start: number, end: number): void {
    const masker = (this.execution() ?? this.masked)?.masker;
    const { toAgent } = this.conversation;
    if (!masker) return toAgent.pass(buffer, start, end);
    let changed = false;
    const parts = [...fields].map(([code, value]) => {
      // DETAIL and CONTEXT hold values of rows.
      const hidden = masker.fields && (code === 'D' || code === 'W') ? MASK : masker.text(value)?.value;
      if (hidden !== undefined) changed = true;
      return `${code}${hidden ?? value}\0`;
    });
    if (changed) toAgent.write(message(String.fromCharCode(type), ...parts, '\0'));
    else toAgent.pass(buffer, start, end);
  }
}
