/**
 * What an agent does, in the same four words for every protocol. Policies match on them, auditors search by them;
 * protocol details sit beside.
 */
export const EFFECTS = ['read', 'write', 'admin', 'execute'] as const;

/** What an operation does to its target. `write` is assumed where the effect cannot be known. */
export type Effect = (typeof EFFECTS)[number];

export interface Operation {
  /** SELECT, GET, pods/exec, shell, tools/call: upper case where the protocol writes it so. */
  readonly verb: string;
  /** Table (`schema.table` or `table`), path, object or host; empty when there is none. */
  readonly resource: string;
  readonly effect: Effect;
  /** Binds by position ("1", "2", ...), query parameters or arguments by name; values as the target would read them. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}
