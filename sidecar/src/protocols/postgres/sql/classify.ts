/** SQL text -> operations. The synchronous classifier of the data path, and the same thing for policy tests. */
import type { Operation } from '@cairn/crds';
import { MAX_CLASSIFIED, MAX_CLASSIFIED_LENGTH } from '../limits.js';
import type { Classified, CopyStatement, Statement } from './classified.js';
import { classificationKey } from './normalise.js';
import { OperationCollector } from './operations.js';
import { mentionsOf, outputsOf } from './outputs.js';
import { loadParser, type Parser, SqlParseError } from './parser.js';
import { Scope } from './scope.js';
import { asList, asText, asTree, nameParts, node, type Tree } from './tree.js';

/** Remembers what it classified, by text without plain numbers; bounded, oldest out first. */
export class SqlClassifier {
  private readonly known = new Map<string, Classified>();
  private readonly reads: ReadonlySet<string>;

  constructor(
    private readonly parser: Parser,
    readFunctions: readonly string[],
  ) {
    this.reads = new Set(readFunctions);
  }

  static async load(readFunctions: readonly string[]): Promise<SqlClassifier> {
    return new SqlClassifier(await loadParser(), readFunctions);
  }

  classify(sql: string): Classified {
    if (sql.length > MAX_CLASSIFIED_LENGTH) return this.read(sql);
    const key = classificationKey(sql);
    const known = this.known.get(key);
    if (known) return known;
    const fresh = this.read(sql);
    if (this.known.size >= MAX_CLASSIFIED) this.known.delete(this.known.keys().next().value ?? '');
    if (fresh.error === undefined) this.known.set(key, fresh);
    return fresh;
  }

  private read(sql: string): Classified {
    try {
      const statements = this.parser.statements(sql).map((tree) => this.statement(tree));
      return { operations: merged(statements), statements, stateful: statements.some(isStateful), error: undefined };
    } catch (error) {
      const message = error instanceof SqlParseError ? error.message : 'the statement could not be read';
      return { operations: [], statements: [], stateful: false, error: message };
    }
  }

  private statement(tree: Tree): Statement {
    const collector = new OperationCollector(this.parser, this.reads);
    collector.walk(tree, new Scope());
    refuseMisreading(tree);
    return { operations: collector.operations, outputs: outputsOf(tree), mentions: mentionsOf(tree), ...this.sessionEffect(tree) };
  }

  /** What the statement does to names that later statements of the session use. */
  private sessionEffect(tree: Tree): Partial<Statement> {
    const [type = '', value] = Object.entries(tree)[0] ?? [];
    const content = asTree(value) ?? {};
    switch (type) {
      case 'PrepareStmt':
        return { prepare: { name: asText(content['name']), statement: this.statement(asTree(content['query']) ?? {}) } };
      case 'ExecuteStmt':
        return { execute: asText(content['name']) };
      case 'CreateTableAsStmt':
      case 'ExplainStmt': {
        const inner = asTree(content['query']);
        return inner && 'ExecuteStmt' in inner ? this.sessionEffect(inner) : {};
      }
      case 'DeallocateStmt':
        return { deallocate: content['isall'] === true ? true : asText(content['name']) };
      case 'DiscardStmt':
        return content['target'] === 'DISCARD_ALL' ? { deallocate: true } : {};
      case 'DeclareCursorStmt':
        return { declare: asText(content['portalname']) };
      case 'FetchStmt':
        return { fetch: asText(content['portalname']) };
      case 'CopyStmt':
        return { copy: copyStatement(content) };
      default:
        return {};
    }
  }
}

/**
 * Operations of every statement of a text. `readFunctions` are those that the target declares to only read. An error is
 * a sentence: the text is then unparsed in the policy's sense.
 */
export async function classifySql(
  text: string,
  options: { readFunctions: readonly string[] },
): Promise<{ operations: Operation[] } | { error: string }> {
  const { operations, error } = (await SqlClassifier.load(options.readFunctions)).classify(text);
  return error === undefined ? { operations: [...operations] } : { error };
}

function isStateful({ prepare, execute, deallocate, declare, fetch }: Statement): boolean {
  return [prepare, execute, deallocate, declare, fetch].some((each) => each !== undefined);
}

function merged(statements: readonly Statement[]): readonly Operation[] {
  if (statements.length === 1) return statements[0]!.operations;
  const all = new Map(
    statements.flatMap(({ operations }) => operations.map((each) => [`${each.verb}\0${each.resource}\0${each.effect}`, each])),
  );
  return [...all.values()];
}

/** Multi-byte encodings whose second byte may be a quote or a backslash. */
const UNSAFE_ENCODINGS = /sjis|shift_?jis|big5|gbk|uhc|gb18030|johab/i;

/** After these the server would read text in another way than the parser does. */
export function isUnsafeSetting(name: string, value: string): boolean {
  if (name === 'standard_conforming_strings') return !['on', 'true', 'yes', '1'].includes(value.toLowerCase());
  return name === 'client_encoding' && UNSAFE_ENCODINGS.test(value.replaceAll('-', '_'));
}

function refuseMisreading(tree: Tree): void {
  const setting = node(tree, 'VariableSetStmt');
  if (!setting || setting['kind'] !== 'VAR_SET_VALUE') return;
  const name = asText(setting['name']).toLowerCase();
  const value = asText(asTree(node(asList(setting['args'])[0], 'A_Const')?.['sval'])?.['sval']);
  if (isUnsafeSetting(name, value))
    throw new SqlParseError(`after SET ${name} TO '${value.slice(0, 40)}' statements could no longer be read reliably`);
}

function copyStatement(content: Tree): CopyStatement {
  const options = new Map(
    asList(content['options']).map((option) => [asText(node(option, 'DefElem')?.['defname']), node(option, 'DefElem')?.['arg']]),
  );
  const text = (name: string) => (options.has(name) ? asText(node(options.get(name), 'String')?.['sval']) : undefined);
  const format = text('format') ?? 'text';
  const relation = asTree(content['relation']);
  const parts = relation ? [relation['schemaname'], relation['relname']].filter((part) => typeof part === 'string') : undefined;
  const columns = nameParts(content['attlist']);
  const header = options.has('header') && !['false', 'off', '0'].includes((text('header') ?? 'true').toLowerCase());
  return {
    direction: content['is_from'] === true ? 'in' : 'out',
    relation: parts?.map((part) => `"${part.replaceAll('"', '""')}"`).join('.'),
    columns: columns.length > 0 ? columns : undefined,
    format,
    delimiter: text('delimiter') ?? (format === 'csv' ? ',' : '\t'),
    quote: text('quote') ?? '"',
    escape: text('escape') ?? text('quote') ?? '"',
    header,
    nullText: text('null') ?? (format === 'csv' ? '' : '\\N'),
  };
}
