/** What is fuzzed: valid inputs to begin with, and what has to hold of every input. */
export interface FuzzTarget {
  readonly name: string;
  readonly seeds: readonly Buffer[];
  /** Words of the grammar that mutations put in. */
  readonly words: readonly Buffer[];
  /** Throws where an invariant does not hold: `chunks` are the same bytes as `whole`. */
  check(whole: Buffer, chunks: readonly Buffer[]): void;
}

/** Read whole and read in pieces, the same must have been understood. */
export function same(what: string, whole: unknown, split: unknown): void {
  const [first, second] = [JSON.stringify(whole), JSON.stringify(split)];
  if (first !== second) throw new Error(`${what} differs by the split: ${cut(first)} whole, ${cut(second)} in pieces`);
}

const SHOWN = 400;
const cut = (text: string | undefined): string => (text === undefined ? 'nothing' : text.slice(0, SHOWN));
