/**
 * Words of full text, cut the same way for the index and for a search, so that no search can be a syntax error of FTS5
 * and no Unicode table of SQLite's has a say: the `ascii` tokenizer splits at ASCII punctuation alone, everything else
 * is folded here.
 */
import { MAX_SEARCH_WORDS, MAX_TEXT_CHARACTERS } from '../limits.js';

// eslint-disable-next-line no-control-regex
const NOT_ASCII = /[^\x00-\x7f]/;

/** Text as the index takes it: ASCII as it is, the rest decomposed, lower case, without marks and punctuation. */
export function foldText(text: string): string {
  const cut = text.length > MAX_TEXT_CHARACTERS ? text.slice(0, MAX_TEXT_CHARACTERS) : text;
  if (!NOT_ASCII.test(cut)) return cut;
  return cut
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}+/gu, '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ');
}

/** Words of a text, in the index's own cut. */
export function wordsOf(text: string): string[] {
  return (
    foldText(text)
      .toLowerCase()
      .match(/[a-z0-9\u0080-\u{10ffff}]+/gu) ?? []
  );
}

export interface TextSearch {
  /** FTS5 expression: every word, the last one as a prefix where the search ends in `*`. */
  readonly expression: string;
  /** The same search over one event's text. */
  readonly matches: (text: string) => boolean;
}

/** `undefined` where the text holds no word at all: nothing can match. */
export function textSearch(text: string): TextSearch | undefined {
  const words = wordsOf(text).slice(0, MAX_SEARCH_WORDS);
  if (words.length === 0) return undefined;
  const prefix = text.trimEnd().endsWith('*') ? words.pop()! : undefined;
  const terms = words.map((word) => `"${word}"`);
  if (prefix !== undefined) terms.push(`"${prefix}"*`);
  const matches = (candidate: string): boolean => {
    const present = new Set(wordsOf(candidate));
    if (!words.every((word) => present.has(word))) return false;
    return prefix === undefined || [...present].some((word) => word.startsWith(prefix));
  };
  return { expression: terms.join(' AND '), matches };
}
