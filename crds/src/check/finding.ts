/** What a check says about a document, before it is known where in the file that stands. */
export type Path = readonly (string | number)[];

export type ProblemCode =
  | 'syntax'
  | 'unknown-kind'
  | 'unknown-field'
  | 'missing-field'
  | 'wrong-type'
  | 'bad-value'
  | 'limit'
  | 'duplicate'
  | 'unknown-target'
  | 'unreachable'
  | 'condition'
  | 'rule';

export interface Finding {
  code: ProblemCode;
  path: Path;
  /** A sentence that says what is wrong and how to mend it. */
  message: string;
  /** Point at the field's name rather than its value. */
  atKey?: true;
}

export interface Problem {
  code: ProblemCode;
  file: string;
  /** From 1. */
  line: number;
  /** From 1, in characters. */
  column: number;
  /** `spec.rules[2].match.verbs[0]`; empty for the document itself. */
  path: string;
  message: string;
}

export function pathText(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}
