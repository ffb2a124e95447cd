/** The difference of two objects as a JSON Patch (RFC 6902). */

export type PatchOperation = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

type Plain = Readonly<Record<string, unknown>>;
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 6901 3. */
const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

function objects(before: Plain, after: Plain, path: string, operations: PatchOperation[]): void {
  // Own members alone: a label may be called `constructor`.
  const member = (of: Plain, key: string): unknown => (Object.hasOwn(of, key) ? of[key] : undefined);
  for (const key of Object.keys(before)) {
    if (member(after, key) === undefined) operations.push({ op: 'remove', path: `${path}/${escaped(key)}` });
  }
  for (const [key, value] of Object.entries(after)) {
    const at = `${path}/${escaped(key)}`;
    if (value === undefined) continue;
    if (member(before, key) === undefined) operations.push({ op: 'add', path: at, value });
    else compare(member(before, key), value, at, operations);
  }
}

/** Items have no identity here: a list that only grew is added to (RFC 6902 4.1), one that is otherwise of another length is replaced whole. */
function lists(before: readonly unknown[], after: readonly unknown[], path: string, operations: PatchOperation[]): void {
  if (before.length === after.length) return after.forEach((value, index) => compare(before[index], value, `${path}/${index}`, operations));
  const grew = before.length < after.length && before.every((item, index) => item === after[index]);
  if (!grew) return void operations.push({ op: 'replace', path, value: after });
  for (const value of after.slice(before.length)) operations.push({ op: 'add', path: `${path}/-`, value });
}

function compare(before: unknown, after: unknown, path: string, operations: PatchOperation[]): void {
  if (before === after) return;
  if (isPlain(before) && isPlain(after)) objects(before, after, path, operations);
  else if (Array.isArray(before) && Array.isArray(after)) lists(before, after, path, operations);
  else operations.push({ op: 'replace', path, value: after });
}

/** Operations that make `after` of `before`, both plain JSON; members that are undefined count as absent. */
export function jsonPatch(before: object, after: object): PatchOperation[] {
  const operations: PatchOperation[] = [];
  compare(before, after, '', operations);
  return operations;
}
