/** PostgreSQL's own parser (libpg-query, WebAssembly), loaded once and only where a PostgreSQL target exists. */
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { MAX_PARSED_SQL_BYTES } from '../limits.js';
import { asList, asTree, type Tree } from './tree.js';

type Library = typeof import('libpg-query');

/** A text that PostgreSQL's grammar refuses, or that is too large to be read. */
export class SqlParseError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SqlParseError';
  }
}

export interface Parser {
  /** Statements of a text, in order; none for an empty one. Throws SqlParseError. */
  statements(sql: string): Tree[];
  /** Parse trees of the functions that a CREATE FUNCTION ... LANGUAGE plpgsql text defines. Throws SqlParseError. */
  plpgsql(createFunction: string): unknown;
}

let loading: Promise<Parser> | undefined;

/**
 * V8 would compile the busiest functions of the parser a second time, for speed. The grammar is one function of such a size that this
 * takes 550 MB for a moment (Node 24), which ends a container with a memory limit; what it won was within 30 % of a parse.
 */
const NO_SECOND_COMPILER = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/** Loads the parser; some 25 MB of memory, once a process. */
export function loadParser(): Promise<Parser> {
  return (loading ??= firstLibrary().then(parserOver));
}

function firstLibrary(): Promise<Library> {
  for (const flag of NO_SECOND_COMPILER) setFlagsFromString(flag);
  return freshLibrary();
}

const require = createRequire(import.meta.url);

/** The package keeps one WebAssembly instance a module; a module loaded anew has a new one. */
async function freshLibrary(): Promise<Library> {
  for (const file of Object.keys(require.cache)) {
    if (file.includes('libpg-query')) delete require.cache[file];
  }
  const library = require('libpg-query') as Library;
  await library.loadModule();
  return library;
}

/**
 * A tree too deep for the stack leaves the instance's memory in disorder: it is not asked again but replaced, and until
 * then every text counts as unparsed.
 */
function parserOver(first: Library): Parser {
  let library: Library | undefined = first;
  const parse = (sql: string, run: (loaded: Library) => unknown): unknown => {
    const current = library;
    if (!current) throw new SqlParseError('the parser is being restarted after a statement that it could not hold; try again');
    return guarded(
      sql,
      () => run(current),
      () => {
        library = undefined;
        void freshLibrary().then((fresh) => (library = fresh));
      },
    );
  };
  return {
    statements(sql) {
      const tree = parse(sql, (current) => current.parseSync(sql));
      return asList(asTree(tree)?.['stmts']).map((raw) => asTree(asTree(raw)?.['stmt']) ?? {});
    },
    plpgsql: (text) => parse(text, (current) => current.parsePlPgSQLSync(text)),
  };
}

function guarded(sql: string, parse: () => unknown, broken: () => void): unknown {
  // The parser reads a C string: what follows a NUL would pass unseen.
  if (sql.includes('\0')) throw new SqlParseError('the statement holds a NUL character');
  if (Buffer.byteLength(sql) > MAX_PARSED_SQL_BYTES) {
    throw new SqlParseError(`the statement is longer than the ${MAX_PARSED_SQL_BYTES} bytes that are parsed`);
  }
  try {
    return parse();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (message === 'Query cannot be empty') return { stmts: [] };
    if (error instanceof RangeError || (error instanceof Error && error.name === 'RuntimeError')) {
      broken();
      throw new SqlParseError('the statement is nested too deeply to be read', { cause: error });
    }
    throw new SqlParseError(message, { cause: error });
  }
}
