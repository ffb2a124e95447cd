/** The objects of one resource as last seen, by key and by what callers look them up by. */
import { keyOf, type ApiObject, type ObjectKey } from './resource.js';

export type Index<T> = (object: T) => string | undefined;

export class StoreFull extends Error {
  constructor(readonly limit: number) {
    super(`there are more than ${limit} objects, the most that the operator keeps of one resource`);
    this.name = 'StoreFull';
  }
}

export class Store<T extends ApiObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes: ReadonlyMap<string, { of: Index<T>; entries: Map<string, Map<string, T>> }>;
  readonly #limit: number;

  constructor(limit: number, indexes: Readonly<Record<string, Index<T>>> = {}) {
    this.#limit = limit;
    const all = { ...indexes, namespace: (object: T) => object.metadata.namespace };
    this.#indexes = new Map(Object.entries(all).map(([name, of]) => [name, { of, entries: new Map<string, Map<string, T>>() }]));
  }

  get size(): number {
    return this.#objects.size;
  }

  get({ namespace, name }: ObjectKey): T | undefined {
    return this.#objects.get(namespace === undefined ? name : `${namespace}/${name}`);
  }

  byKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  all(): IterableIterator<T> {
    return this.#objects.values();
  }

  inNamespace(namespace: string): T[] {
    return this.by('namespace', namespace);
  }

  /** Objects whose index of that name is `value`. */
  by(index: string, value: string): T[] {
    const entry = this.#indexes.get(index);
    if (!entry) throw new Error(`the store has no index ${index}`);
    return [...(entry.entries.get(value)?.values() ?? [])];
  }

  /** The object that it replaces. Throws StoreFull. */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (!previous && this.#objects.size >= this.#limit) throw new StoreFull(this.#limit);
    if (previous) this.#unindex(key, previous);
    this.#objects.set(key, object);
    for (const { of, entries } of this.#indexes.values()) {
      const value = of(object);
      if (value === undefined) continue;
      const found = entries.get(value);
      if (found) found.set(key, object);
      else entries.set(value, new Map([[key, object]]));
    }
    return previous;
  }

  delete(key: string): T | undefined {
    const previous = this.#objects.get(key);
    if (!previous) return undefined;
    this.#objects.delete(key);
    this.#unindex(key, previous);
    return previous;
  }

  #unindex(key: string, object: T): void {
    for (const { of, entries } of this.#indexes.values()) {
      const value = of(object);
      const found = value === undefined ? undefined : entries.get(value);
      found?.delete(key);
      if (found?.size === 0) entries.delete(value!);
    }
  }
}
