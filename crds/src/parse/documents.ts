/** YAML text -> documents, and whatever is wrong with them as problems with their places. Knows no resource. */
import { createRequire } from 'node:module';
import type { Document, LineCounter } from 'yaml';
import { pathText, type Finding, type Problem } from '../check/finding.js';
import { MAX_DOCUMENTS, MAX_FILE_CHARS, MAX_PROBLEMS, MAX_YAML_ALIASES } from '../limits.js';
import { keyText, placeOf, type Place } from './positions.js';

type Yaml = typeof import('yaml');

// Loaded at first use: a sidecar compiles policies but never reads YAML, and would pay for it in memory.
const yaml = (): Yaml => createRequire(import.meta.url)('yaml') as Yaml;

const SYNTAX: Record<string, string> = {
  TAB_AS_INDENT: 'tabs cannot indent YAML; use spaces',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket before it is not closed',
  MISSING_CHAR: 'a closing quote, bracket or comma is missing',
  BLOCK_AS_IMPLICIT_KEY: 'a colon too many on this line; put the text in quotes',
};

/** What is wrong with one document; it is called for every document that is not empty. */
export type Visit = (value: unknown) => readonly Finding[];

class Reader {
  readonly #problems: Problem[] = [];
  readonly #file: string;
  readonly #counter: LineCounter;

  constructor(file: string, counter: LineCounter) {
    this.#file = file;
    this.#counter = counter;
  }

  #add(place: Place, { code, path, message }: Finding): void {
    this.#problems.push({ code, file: this.#file, ...place, path: pathText(path), message });
  }

  whole(message: string, code: 'syntax' | 'limit'): void {
    this.#add({ line: 1, column: 1 }, { code, path: [], message });
  }

  read(document: Document, visit: Visit): void {
    if (document.errors.length > 0 || document.warnings.length > 0) return this.#syntax(document);
    if (this.#repeatedFields(document)) return;
    const value: unknown = document.toJS({ maxAliasCount: MAX_YAML_ALIASES });
    if (value === null || value === undefined) return;
    for (const finding of visit(value)) {
      this.#add(placeOf(document, this.#counter, yaml(), finding.path, finding.atKey === true), finding);
    }
  }

  /** One complaint for each place: the others there follow from the first. */
  #syntax(document: Document): void {
    const seen = new Set<number>();
    for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
      if (seen.has(pos[0])) continue;
      seen.add(pos[0]);
      const { line, col } = this.#counter.linePos(pos[0]);
      this.#add({ line, column: col }, { code: 'syntax', path: [], message: `YAML: ${SYNTAX[code] ?? message.split('\n')[0]}.` });
    }
  }

  /** The library's own check compares every two keys of a map, which takes minutes for a map as large as a file may be. */
  #repeatedFields(document: Document): boolean {
    const before = this.#problems.length;
    yaml().visit(document, {
      Map: (_key, map) => {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          const name = keyText(key);
          const { line, col } = this.#counter.linePos((key as { range?: [number, number, number] } | null)?.range?.[0] ?? 0);
          const message = 'YAML: this field stands twice in its map; remove one of the two.';
          if (seen.has(name)) this.#add({ line, column: col }, { code: 'syntax', path: [], message });
          seen.add(name);
        }
      },
    });
    return this.#problems.length > before;
  }

  finish(): Problem[] {
    const problems = this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
    if (problems.length <= MAX_PROBLEMS) return problems;
    const last: Problem = { ...problems[MAX_PROBLEMS]!, code: 'limit', path: '', message: 'and more problems; mend these first.' };
    return [...problems.slice(0, MAX_PROBLEMS), last];
  }
}

/** Reads every document of a YAML (or JSON) text. Never throws: what is wrong is returned, in order of place. */
export function readDocuments(text: string, file: string, visit: Visit): Problem[] {
  const { LineCounter: Counter, parseAllDocuments } = yaml();
  const counter = new Counter();
  const reader = new Reader(file, counter);
  if (text.length > MAX_FILE_CHARS) {
    reader.whole(`the file has more than ${MAX_FILE_CHARS} characters; split it.`, 'limit');
    return reader.finish();
  }
  try {
    const documents = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false, stringKeys: true, uniqueKeys: false });
    if (documents.length > MAX_DOCUMENTS) reader.whole(`the file has more than ${MAX_DOCUMENTS} documents; split it.`, 'limit');
    for (const document of documents.slice(0, MAX_DOCUMENTS)) reader.read(document, visit);
  } catch (error) {
    // Nesting beyond the stack, aliases beyond the limit.
    const cause = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message;
    reader.whole(`the file cannot be read as YAML: ${cause}.`, 'syntax');
  }
  return reader.finish();
}
