/** What a statement means in its session: names it uses are looked up, names it makes are kept. */
import type { Operation } from '@cairn/crds';
import type { Admitted, Request } from './admission.js';
import type { Conversation } from './conversation.js';
import { unmaskable } from './copy.js';
import { Execution, type ResultSource } from './execution.js';
import { attributionHint } from './hints.js';
import type { Prepared } from './names.js';
import type { Classified, Outputs, Statement } from './sql/classified.js';

export class SessionStatements {
  constructor(private readonly conversation: Conversation) {}

  /** EXECUTE does what was prepared; what is not known stays a write. */
  resolve(classified: Classified): readonly Operation[] {
    if (!classified.stateful) return classified.operations;
    const local = new Map<string, Statement>();
    return classified.statements.flatMap((statement) => {
      const { prepare, declare, execute, fetch, operations } = statement;
      if (prepare) local.set(`s ${prepare.name}`, prepare.statement);
      if (declare !== undefined) local.set(`c ${declare}`, statement);
      const { names } = this.conversation;
      if (fetch !== undefined)
        return [...(local.get(`c ${fetch}`)?.operations ?? []), ...(names.cursor(fetch)?.operations ?? []), ...operations];
      if (execute === undefined) return [...operations];
      const known = names.prepared(execute)?.classified;
      const inner = [...(local.get(`s ${execute}`)?.operations ?? []), ...(known?.operations ?? [])];
      return inner.length > 0 ? [...inner, ...operations.filter((each) => each.verb !== 'EXECUTE')] : [...operations];
    });
  }

  /** Where the columns of the result come from, by the number of the statement in the message. */
  source(classified: Classified | undefined): ResultSource {
    const { names } = this.conversation;
    const declared = new Map<string, Statement>();
    const outputs = (index: number): { outputs: Outputs | undefined; opaque: boolean } => {
      const statement = classified?.statements[index];
      if (!statement) return { outputs: undefined, opaque: true };
      if (statement.fetch !== undefined) {
        const cursor = declared.get(statement.fetch) ?? names.cursor(statement.fetch);
        return { outputs: cursor?.outputs, opaque: !cursor };
      }
      if (statement.execute !== undefined) {
        const prepared = names.prepared(statement.execute)?.classified.statements[0];
        return { outputs: prepared?.outputs, opaque: !prepared };
      }
      return { outputs: statement.outputs, opaque: false };
    };
    for (const statement of classified?.stateful ? classified.statements : [])
      if (statement.declare !== undefined) declared.set(statement.declare, statement);
    return { classified, outputs };
  }

  namesSettled(classified: Classified): boolean {
    const { conversation } = this;
    return classified.statements.every(({ prepare, execute, deallocate }) =>
      [prepare?.name, execute, deallocate === true ? undefined : deallocate].every((name) => {
        const known = name === undefined ? undefined : conversation.names.prepared(name);
        return !known || conversation.settled(known);
      }),
    );
  }

  /** Takes in what SQL does to the session's names; returns what is due when the message was answered. */
  applyNames(classified: Classified): (failed: boolean) => void {
    const { names } = this.conversation;
    const changed: Prepared[] = [];
    let all = false;
    for (const statement of classified.statements) {
      const { prepare, deallocate, declare } = statement;
      if (declare !== undefined) names.declare(declare, statement);
      if (deallocate === true) all = true;
      else if (deallocate !== undefined) {
        const closed = names.close(deallocate, this.conversation.change());
        if (closed) changed.push(closed);
      }
      if (prepare && !names.statementsFull && (names.prepared(prepare.name)?.closed ?? true)) {
        const inner: Classified = {
          operations: prepare.statement.operations,
          statements: [prepare.statement],
          stateful: false,
          error: undefined,
        };
        const entry = this.entry(prepare.name, '', inner);
        names.prepare(entry);
        changed.push(entry);
      }
    }
    return (failed) => {
      if (failed && classified.statements.length > 1) for (const { name } of changed) names.remove(name);
      else if (failed) for (const entry of changed.toReversed()) names.undo(entry);
      else for (const entry of changed) names.answered(entry);
      if (all && !failed) names.removeAll();
    };
  }

  /** A statement as it is decided and recorded. */
  request(text: string, classified: Classified | undefined, rest: Pick<Request, 'bytes' | 'exact'>): Request {
    const unread = !classified || classified.error !== undefined;
    return {
      text,
      classified,
      operations: unread ? undefined : this.resolve(classified),
      problem: classified?.error ?? 'the server reads text in an encoding or by rules under which it cannot be parsed reliably',
      hint: attributionHint(text),
      unmaskable: (masker) => unmaskable(classified, masker),
      bytes: rest.bytes,
      exact: rest.exact,
    };
  }

  execution(admitted: Admitted, source: ResultSource): Execution {
    const { target, record } = this.conversation.context;
    return new Execution(admitted.exchange, admitted.verdict, admitted.masker, source, target.capture, record);
  }

  entry(name: string, text: string, classified: Classified): Prepared {
    const hint = attributionHint(text);
    const { sequence, batch } = this.conversation.change();
    return {
      name,
      text,
      classified,
      hint,
      sequence,
      batch,
      types: [],
      description: undefined,
      described: undefined,
      closed: false,
      previous: this.conversation.names.prepared(name),
    };
  }
}
