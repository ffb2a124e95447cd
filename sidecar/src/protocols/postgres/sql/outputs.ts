/**
 * What flows into the output columns of a statement, by name. Masks follow it: a masked column stays masked under an
 * alias, in an expression, through sub-queries and CTEs. It errs towards masking.
 */
import { type Output, type Outputs, WHOLE_ROW } from './classified.js';
import { asList, asText, asTree, isTree, nameParts, node, type Tree } from './tree.js';

type Alias = readonly [name: string, refs: readonly string[]];

/** Outputs of a statement that returns rows of its own; undefined where it returns none, or none that name columns. */
export function outputsOf(statement: Tree): Outputs | undefined {
  const columns = topColumns(statement);
  if (!columns) return undefined;
  const relations = new Set<string>();
  const aliases: Alias[] = [];
  collectNames(statement, relations, aliases);
  const whole = (refs: readonly string[]) => (refs.some((ref) => relations.has(ref)) ? [...refs, WHOLE_ROW] : refs);
  return {
    columns: columns.map((column) => ({ ...column, refs: whole(column.refs) })),
    aliases: aliases.map(([name, refs]) => [name, whole(refs)] as const),
  };
}

/** Every column name that is mentioned anywhere, and constants that may be a JSON member's name. */
export function mentionsOf(statement: unknown): Set<string> {
  const found = new Set<string>();
  each(statement, (type, content) => {
    if (type === 'ResTarget' && typeof content['name'] === 'string') found.add(content['name'].toLowerCase());
  });
  for (const ref of refsOf(statement)) found.add(ref);
  return found;
}

function topColumns(statement: Tree): Output[] | undefined {
  const [type = '', value] = Object.entries(statement)[0] ?? [];
  const content = asTree(value) ?? {};
  switch (type) {
    case 'SelectStmt':
      return content['intoClause'] ? undefined : selectColumns(content);
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return returning(content);
    case 'PrepareStmt':
    case 'DeclareCursorStmt':
    case 'CopyStmt': {
      const query = asTree(content['query']);
      return query ? topColumns(query) : undefined;
    }
    default:
      return undefined;
  }
}

function returning(content: Tree): Output[] | undefined {
  const list = asList(asTree(content['returningClause'])?.['exprs'] ?? content['returningList']);
  return list.length > 0 ? list.map(output) : undefined;
}

function selectColumns(select: Tree): Output[] {
  const [left, right] = [asTree(select['larg']), asTree(select['rarg'])];
  if (left && right) return union(selectColumns(left), selectColumns(right));
  const values = asList(select['valuesLists']);
  if (values.length > 0) {
    const rows = values.map((row) => asList(node(row, 'List')?.['items']));
    return (rows[0] ?? []).map((_, index) => ({ label: undefined, star: false, refs: rows.flatMap((row) => [...refsOf(row[index])]) }));
  }
  return asList(select['targetList']).map(output);
}

/** A set operation takes its names from the left and its values from both. */
function union(left: Output[], right: Output[]): Output[] {
  const starred = [...left, ...right].some((column) => column.star) || left.length !== right.length;
  const every = [...left, ...right].flatMap((column) => column.refs);
  if (starred) return left.map((column) => ({ ...column, refs: [...every, ...(right.some((other) => other.star) ? [WHOLE_ROW] : [])] }));
  return left.map((column, index) => ({ ...column, refs: [...column.refs, ...(right[index]?.refs ?? [])] }));
}

function output(target: unknown): Output {
  const content = node(target, 'ResTarget') ?? {};
  const value = content['val'];
  const fields = asList(node(value, 'ColumnRef')?.['fields'] ?? node(value, 'A_Indirection')?.['indirection']);
  const star = isTree(fields.at(-1)) && 'A_Star' in (fields.at(-1) as Tree);
  const given = typeof content['name'] === 'string' ? content['name'] : undefined;
  return { label: given ?? (star ? undefined : lastName(value)), star, refs: star ? [] : [...refsOf(value)] };
}

/** As PostgreSQL's FigureColname does, for the forms that matter. */
function lastName(value: unknown): string | undefined {
  const column = node(value, 'ColumnRef');
  if (column) return nameParts(column['fields']).at(-1);
  const call = node(value, 'FuncCall');
  return call ? nameParts(call['funcname']).at(-1) : undefined;
}

/** Column names below an expression; a `t.*` inside it is a whole row. */
function refsOf(value: unknown): Set<string> {
  const refs = new Set<string>();
  each(value, (type, content) => {
    if (type === 'ColumnRef') {
      const last = asList(content['fields']).at(-1);
      refs.add(isTree(last) && 'A_Star' in last ? WHOLE_ROW : asText(node(last, 'String')?.['sval']).toLowerCase());
    }
    if (type === 'A_Indirection') for (const name of nameParts(content['indirection'])) if (name) refs.add(name.toLowerCase());
    if (type === 'A_Const') {
      const text = asText(asTree(content['sval'])?.['sval']);
      if (text && text.length <= 63) refs.add(text.toLowerCase());
    }
  });
  return refs;
}

/** Names given inside the statement: target aliases, and column lists of table aliases and CTEs. */
function collectNames(statement: Tree, relations: Set<string>, aliases: Alias[]): void {
  const rename = (names: unknown, refs: readonly string[]) => {
    for (const name of nameParts(names)) aliases.push([name.toLowerCase(), refs]);
  };
  each(statement, (type, content) => {
    const alias = asTree(content['alias']);
    const name = asText(alias?.['aliasname']).toLowerCase();
    if (type === 'ResTarget' && typeof content['name'] === 'string')
      aliases.push([content['name'].toLowerCase(), [...refsOf(content['val'])]]);
    if (type === 'RangeVar' || type === 'RangeSubselect' || type === 'JoinExpr' || type === 'RangeTableSample') {
      if (type === 'RangeVar') relations.add(asText(content['relname']).toLowerCase());
      if (name) relations.add(name);
      rename(alias?.['colnames'], [WHOLE_ROW]);
    }
    if (type === 'RangeFunction' || type === 'RangeTableFunc' || type === 'JsonTable') {
      const refs = [...refsOf(content)];
      if (name) aliases.push([name, refs]);
      rename(alias?.['colnames'], refs);
      rename(
        asList(content['coldeflist']).map((column) => ({ String: { sval: node(column, 'ColumnDef')?.['colname'] } })),
        refs,
      );
    }
    if (type === 'CommonTableExpr') rename(content['aliascolnames'], [WHOLE_ROW]);
  });
}

/** Nodes of these types stand without their type's name inside others. */
const UNWRAPPED: Readonly<Record<string, string>> = {
  relation: 'RangeVar',
  larg: 'SelectStmt',
  rarg: 'SelectStmt',
  withClause: 'WithClause',
};

function each(value: unknown, visit: (type: string, content: Tree) => void): void {
  if (Array.isArray(value)) for (const item of value as unknown[]) each(item, visit);
  else if (isTree(value)) {
    for (const [key, child] of Object.entries(value)) {
      if (isTree(child)) visit(UNWRAPPED[key] ?? key, child);
      each(child, visit);
    }
  }
}
