/** COPY ... TO STDOUT under masks: its answer names no columns, so they are asked for before. */
import type { Masker } from '../../guard/mask.js';
import type { Conversation } from './conversation.js';
import type { Execution } from './execution.js';
import { closeStatementMessage, describeMessage, parseMessage, SYNC } from './messages.js';
import { Kind } from './pending.js';
import type { Classified, Statement } from './sql/classified.js';

/** A prepared statement's name that no agent uses. */
const DESCRIBED = 'cairn describes';

/** Asks for the column names of what a COPY ... TO STDOUT will send; its own answer holds none. */
export function describeCopy(
  conversation: Conversation,
  statement: Statement | undefined,
  text: string,
  execution: Execution,
  alone: boolean,
): void {
  const copy = statement?.copy;
  if (!copy || copy.direction !== 'out' || copy.columns) return;
  const query = copy.relation ? `SELECT * FROM ${copy.relation}` : copiedQuery(text);
  if (query === undefined || conversation.classifier.classify(query).error !== undefined) return;
  const { pending, toTarget } = conversation;
  toTarget.write(
    Buffer.concat([
      parseMessage(DESCRIBED, query),
      describeMessage('S', DESCRIBED),
      closeStatementMessage(DESCRIBED),
      ...(alone ? [SYNC] : []),
    ]),
  );
  pending.push(Kind.Own);
  pending.push(Kind.OwnDescribe, { copyOf: execution });
  pending.push(Kind.Own);
  if (alone) pending.push(Kind.OwnSync);
}

/** The query of `COPY (query) TO STDOUT`: what stands between the first and the last parenthesis before TO. */
function copiedQuery(text: string): string | undefined {
  return /^\s*copy\s*\(([\s\S]*)\)\s*to\s+stdout\b/i.exec(text)?.[1];
}

/** What masks demand of a COPY and cannot be done, as a sentence. */
export function unmaskable(classified: Classified | undefined, masker: Masker): string | undefined {
  for (const { copy } of classified?.statements ?? []) {
    if (copy?.direction === 'out' && copy.format !== 'text' && copy.format !== 'csv')
      return `COPY in ${copy.format} format cannot be masked; use text or csv`;
  }
  if (
    masker.fields &&
    classified &&
    classified.statements.length > 1 &&
    classified.statements.some(({ copy }) => copy?.direction === 'out')
  ) {
    return 'COPY beside other statements cannot be masked; send it alone';
  }
  return undefined;
}
