/** DO blocks: PL/pgSQL is parsed and every statement inside counts; what is built at run time counts as a write. */
import type { OperationCollector } from './operations.js';
import { SqlParseError } from './parser.js';
import { Scope } from './scope.js';
import { asList, asText, asTree, isTree, node, type Tree } from './tree.js';

/** RawParseMode of PL/pgSQL expressions: 0 is a statement, 2 an expression, 3 and up an assignment. */
const MODE_STATEMENT = 0;
const MODE_EXPRESSION = 2;

export function doBlock(statement: Tree, into: OperationCollector): void {
  const options = new Map(
    asList(statement['args']).map((arg) => [asText(node(arg, 'DefElem')?.['defname']), node(arg, 'DefElem')?.['arg']]),
  );
  const language = asText(node(options.get('language'), 'String')?.['sval']) || 'plpgsql';
  const body = asText(node(options.get('as'), 'String')?.['sval']);
  const known = language === 'plpgsql' && readBody(body, into);
  into.add('DO', '', known ? 'execute' : 'write');
}

/** Whether everything that the block does could be read. */
function readBody(body: string, into: OperationCollector): boolean {
  try {
    const quote = freeQuote(body);
    return expressions(into.parser.plpgsql(`CREATE FUNCTION f() RETURNS void AS ${quote}${body}${quote} LANGUAGE plpgsql`), into);
  } catch (error) {
    if (error instanceof SqlParseError) return false;
    throw error;
  }
}

function freeQuote(body: string): string {
  let tag = 'cairn';
  while (body.includes(tag)) tag += '_';
  return `$${tag}$`;
}

function expressions(value: unknown, into: OperationCollector): boolean {
  if (Array.isArray(value)) return (value as unknown[]).map((item) => expressions(item, into)).every(Boolean);
  if (!isTree(value)) return true;
  let known = true;
  for (const [key, child] of Object.entries(value)) {
    if (key === 'PLpgSQL_expr') statementsOf(asTree(child) ?? {}, into);
    else if (!expressions(child, into)) known = false;
    // EXECUTE, FOR ... IN EXECUTE, OPEN ... FOR EXECUTE, RETURN QUERY EXECUTE.
    if (key.includes('_dyn') || key === 'dynquery') known = false;
  }
  return known;
}

function statementsOf(expression: Tree, into: OperationCollector): void {
  const mode = Number(expression['parseMode'] ?? MODE_STATEMENT);
  const query = asText(expression['query']);
  const text = mode === MODE_STATEMENT ? query : `SELECT ${mode === MODE_EXPRESSION ? query : query.replace(/^[^=]*=/, '')}`;
  for (const statement of into.parser.statements(text)) into.walk(statement, new Scope());
}
