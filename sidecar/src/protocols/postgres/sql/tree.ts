/** The parse tree of libpg-query as plain JSON: objects of one key name a node's type (`{"SelectStmt": {...}}`). */

export type Tree = Readonly<Record<string, unknown>>;

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asTree(value: unknown): Tree | undefined {
  return isTree(value) ? value : undefined;
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The content of `{type: {...}}`. */
export function node(value: unknown, type: string): Tree | undefined {
  return isTree(value) ? asTree(value[type]) : undefined;
}

/** Texts of a list of String nodes: a qualified name. */
export function nameParts(value: unknown): string[] {
  return asList(value).map((part) => asText(node(part, 'String')?.['sval']));
}

/** `schema.table` or `table`, as written; `value` is the content of a RangeVar. */
export function relationName(value: unknown): string {
  const relation = asTree(value);
  return [relation?.['catalogname'], relation?.['schemaname'], relation?.['relname']].filter((part) => typeof part === 'string').join('.');
}
