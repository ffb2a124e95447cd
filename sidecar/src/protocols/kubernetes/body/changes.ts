/** The fields that a patch sets and removes, as paths that people and rules read. Values are not told: they are under seal. Pure. */
import { MAX_CHANGES, MAX_FIELD_CHARS, MAX_FIELD_DEPTH } from './limits.js';

/** As the operation's parameter `patch` names it. */
export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface Changes {
  /** Such as `spec.template.spec.containers[name=web].image`. */
  sets: string[];
  removes: string[];
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What identifies an object on an applied patch, rather than being changed. */
const IDENTITY = new Set(['apiVersion', 'kind', 'metadata.name', 'metadata.namespace']);
/** Members by which Kubernetes tells items of a list apart, in the order in which they are looked for. */
const LIST_KEYS = ['name', 'key', 'containerPort', 'port', 'mountPath', 'devicePath', 'ip', 'topologyKey', 'type', 'uid'];

/** Collects paths up to the limit, and counts the rest. */
class Paths {
  readonly #paths = new Set<string>();
  #left = 0;

  add(path: string): void {
    if (this.#paths.size < MAX_CHANGES) this.#paths.add(wellFormed(path === '' ? '.' : path));
    else this.#left++;
  }

  list(): string[] {
    return this.#left > 0 ? [...this.#paths, `${this.#left} more`] : [...this.#paths];
  }
}

/** Text as events may hold it: bounded, and without lone surrogates. */
export function wellFormed(text: string): string {
  return Buffer.from(text.length > MAX_FIELD_CHARS ? `${text.slice(0, MAX_FIELD_CHARS)}...` : text).toString();
}

const member = (path: string, key: string): string =>
  /^[A-Za-z_$][-\w$]*$/.test(key) ? (path === '' ? key : `${path}.${key}`) : `${path}[${JSON.stringify(key)}]`;

class Walk {
  readonly sets = new Paths();
  readonly removes = new Paths();

  constructor(private readonly type: Exclude<PatchType, 'json'>) {}

  value(value: unknown, path: string, depth: number): void {
    if (depth >= MAX_FIELD_DEPTH) this.sets.add(path);
    else if (isFields(value)) this.#fields(value, path, depth);
    else if (Array.isArray(value) && this.type !== 'merge' && value.some(isFields)) this.#items(value, path, depth);
    else this.sets.add(path);
  }

  #fields(value: Fields, path: string, depth: number): void {
    const entries = Object.entries(value);
    if (entries.length === 0) return this.sets.add(path);
    if (this.type === 'strategic' && this.#directive(value['$patch'], path)) return;
    for (const [key, each] of entries) this.#member(key, each, path, depth);
  }

  #member(key: string, value: unknown, path: string, depth: number): void {
    if (this.type === 'strategic' && key.startsWith('$')) {
      // Of the directives only this one changes something by itself (strategic merge patch).
      const list = /^\$deleteFromPrimitiveList\/(.+)$/.exec(key)?.[1];
      if (list !== undefined) this.removes.add(member(path, list));
      return;
    }
    const at = member(path, key);
    if (this.type === 'apply' && IDENTITY.has(at)) return;
    if (value === null && this.type !== 'apply') this.removes.add(at);
    else this.value(value, at, depth + 1);
  }

  /** Whether all is said of what has it. */
  #directive(directive: unknown, path: string): boolean {
    if (directive === 'delete') this.removes.add(path);
    else if (directive === 'replace') this.sets.add(path);
    return directive === 'delete' || directive === 'replace';
  }

  #items(items: readonly unknown[], path: string, depth: number): void {
    for (const [index, item] of items.entries()) {
      const key = isFields(item) ? LIST_KEYS.find((each) => ['string', 'number'].includes(typeof item[each])) : undefined;
      if (key === undefined) this.value(item, `${path}[${index}]`, depth + 1);
      else this.#keyed(item as Fields, key, `${path}[${key}=${String((item as Fields)[key])}]`, depth);
    }
  }

  /** The member that names an item is not changed by it. */
  #keyed(item: Fields, key: string, path: string, depth: number): void {
    const { [key]: _, ...rest } = item;
    this.value(rest, path, depth + 1);
  }
}

/** RFC 6901. */
function pointer(text: unknown): string {
  if (typeof text !== 'string') return '.';
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, key) => (/^(?:\d+|-)$/.test(key) ? `${path}[${key}]` : member(path, key)), '');
}

/** RFC 6902 4. */
function jsonPatch(operations: readonly unknown[]): Changes {
  const [sets, removes] = [new Paths(), new Paths()];
  for (const operation of operations) {
    if (!isFields(operation)) continue;
    const { op, path, from } = operation;
    if (op === 'remove') removes.add(pointer(path));
    else if (op !== 'test') sets.add(pointer(path));
    if (op === 'move') removes.add(pointer(from));
  }
  return { sets: sets.list(), removes: removes.list() };
}

/** undefined where the body is no patch of its type. */
export function patchChanges(type: PatchType, value: unknown): Changes | undefined {
  if (type === 'json') return Array.isArray(value) ? jsonPatch(value) : undefined;
  if (!isFields(value)) return undefined;
  const walk = new Walk(type);
  walk.value(value, '', 0);
  return { sets: walk.sets.list(), removes: walk.removes.list() };
}

/** The fields of a whole object, down to `depth` levels. */
export function objectFields(value: unknown, depth: number): string[] {
  const paths = new Paths();
  const walk = (each: unknown, path: string, level: number): void => {
    if (level === depth || !isFields(each)) return paths.add(path);
    for (const [key, inner] of Object.entries(each)) if (!IDENTITY.has(member(path, key))) walk(inner, member(path, key), level + 1);
  };
  walk(value, '', 0);
  return paths.list();
}
