import { hash } from 'node:crypto';

interface Entry<Value> {
  value: Value;
  /** Seconds since the epoch. */
  expires: number;
}

/**
 * Remembers what tokens said, by their SHA-256, until they expire. Keeps no token. The least recently used is forgotten
 * at the limit.
 */
export class TokenCache<Value> {
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(readonly limit: number) {}

  static key(token: string, context = ''): string {
    return hash('sha256', context ? `${context}\n${token}` : token, 'base64');
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, now: number): Value | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.expires <= now) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: Value, expires: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expires });
    if (this.#entries.size <= this.limit) return;
    const [oldest] = this.#entries.keys();
    this.#entries.delete(oldest!);
  }

  clear(): void {
    this.#entries.clear();
  }
}
