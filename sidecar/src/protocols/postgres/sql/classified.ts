/** What is known of a SQL text before it runs. Plain data; the parse tree is not kept. */
import type { Operation } from '@cairn/crds';

/** An output column as its expression says: which names flow into it. */
export interface Output {
  /** Alias or column name where the text gives one. */
  label: string | undefined;
  /** `*` or `t.*`: any number of columns under their own names. */
  star: boolean;
  /** Column names that the expression mentions; WHOLE_ROW for a row as a value. */
  refs: readonly string[];
}

/** In `refs`: everything of a relation. */
export const WHOLE_ROW = '*';

export interface Outputs {
  columns: readonly Output[];
  /** Names that the text gives to expressions anywhere inside, with what flows into them. */
  aliases: readonly (readonly [name: string, refs: readonly string[]])[];
}

export interface CopyStatement {
  direction: 'in' | 'out';
  /** Quoted for use in SQL; undefined for COPY (query). */
  relation: string | undefined;
  columns: readonly string[] | undefined;
  format: string;
  delimiter: string;
  quote: string;
  escape: string;
  header: boolean;
  nullText: string;
}

export interface Statement {
  operations: readonly Operation[];
  outputs: Outputs | undefined;
  /** Every column name that the text mentions, lower case. */
  mentions: ReadonlySet<string>;
  prepare?: { name: string; statement: Statement };
  execute?: string;
  /** Name of a prepared statement, `true` for all. */
  deallocate?: string | true;
  declare?: string;
  fetch?: string;
  copy?: CopyStatement;
}

export interface Classified {
  /** Every statement's, at any depth; one for each (verb, resource). Empty for an empty text. */
  operations: readonly Operation[];
  statements: readonly Statement[];
  /** Whether it makes, uses or drops names of the session: PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH. */
  stateful: boolean;
  /** Why the text could not be read; it has no operations then. */
  error: string | undefined;
}
