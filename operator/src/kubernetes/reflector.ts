/**
 * A resource kept in memory: list, then watch from there, for ever. Whatever breaks is begun again after a jittered pause,
 * and what happened meanwhile is found by comparison, so that no object is missed.
 */
import { ApiError, hasStatus, localError } from './api-error.js';
import { backoffMs, pause } from './backoff.js';
import type { KubernetesClient } from './client.js';
import { RESTART_FIRST_MS, RESTART_MOST_MS, STORE_OBJECTS_COUNT, WATCH_IDLE_MS, WATCH_SECONDS } from './limits.js';
import { keyOf, type ApiObject, type Resource } from './resource.js';
import { Store, type Index } from './store.js';
import { watchOnce, type WatchEvent } from './watch.js';

/** What happened to an object. The objects are shared: handlers change none. */
export interface Handlers<T> {
  added?(object: T): void;
  updated?(object: T, previous: T): void;
  deleted?(object: T): void;
  /** The first list is complete: the store is as full as the server. */
  synced?(): void;
}

export interface ReflectorOptions<T> {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** What is kept of an object; default: all but metadata.managedFields. */
  trim?: (object: T) => T;
  indexes?: Readonly<Record<string, Index<T>>>;
  objectsCount?: number;
  watchSeconds?: number;
  watchIdleMs?: number;
  watchLineBytes?: number;
  /** Milliseconds. */
  restart?: { firstMs: number; mostMs: number };
  log?: (entry: { level: 'info' | 'warn' | 'error'; message: string; [field: string]: string | number | undefined }) => void;
}

export interface ReflectorCounts {
  lists: number;
  watches: number;
  failures: number;
}

/** A watch that the server ends sooner, without a word, is no watch that worked. Milliseconds. */
const SHORT_WATCH_MS = 1000;

/** What is to be known of any reflector. */
export interface ReflectorStatus {
  readonly store: { readonly size: number };
  readonly counts: ReflectorCounts;
  readonly synced: boolean;
  readonly stalenessSeconds: number;
}

const WITHOUT_ANSWER: ReadonlySet<string> = new Set(['Unreachable', 'Timeout']);

function trimmed<T extends ApiObject>(object: T): T {
  delete object.metadata.managedFields;
  return object;
}

export class Reflector<T extends ApiObject> {
  readonly store: Store<T>;
  readonly counts: ReflectorCounts = { lists: 0, watches: 0, failures: 0 };
  readonly #handlers: Handlers<T>[] = [];
  readonly #stop = new AbortController();
  readonly #synced: Promise<void>;
  #markSynced: () => void = () => undefined;
  #isSynced = false;
  /** Where the next watch begins; undefined: list first. */
  #resourceVersion: string | undefined;
  #alive: number | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;

  constructor(
    readonly client: KubernetesClient,
    readonly resource: Resource<T>,
    readonly options: ReflectorOptions<T> = {},
  ) {
    this.store = new Store(options.objectsCount ?? STORE_OBJECTS_COUNT, options.indexes);
    this.#synced = new Promise((resolve) => (this.#markSynced = resolve));
  }

  get synced(): boolean {
    return this.#isSynced;
  }

  /** Seconds since the server last gave a sign of life on this resource; infinite before the first. */
  get stalenessSeconds(): number {
    return this.#alive === undefined ? Number.POSITIVE_INFINITY : (performance.now() - this.#alive) / 1000;
  }

  /** Resolves once the first list is in the store. */
  whenSynced(): Promise<void> {
    return this.#synced;
  }

  /** Tells of every change from now on, and first of what is there already. Returns what ends it. */
  subscribe(handlers: Handlers<T>): () => void {
    for (const object of this.store.all()) this.#call(() => handlers.added?.(object));
    if (this.#isSynced) this.#call(() => handlers.synced?.());
    this.#handlers.push(handlers);
    return () => {
      const at = this.#handlers.indexOf(handlers);
      if (at >= 0) this.#handlers.splice(at, 1);
    };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { restart = { firstMs: RESTART_FIRST_MS, mostMs: RESTART_MOST_MS } } = this.options;
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#list();
        await this.#watch();
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        await pause(backoffMs(this.#failures, restart, Math.random()), signal);
      }
    }
  }

  /** A broken connection is resumed where it broke; after anything else the server's state is read anew. */
  #failed(error: unknown): void {
    const broken = error instanceof ApiError && WITHOUT_ANSWER.has(error.reason);
    if (!broken) this.#resourceVersion = undefined;
    this.#failures += 1;
    this.counts.failures += 1;
    const message = `reflector: ${error instanceof Error ? error.message : String(error)}`;
    this.options.log?.({
      level: hasStatus(error, 410) ? 'info' : 'warn',
      message,
      resource: this.resource.plural,
      failures: this.#failures,
    });
  }

  async #list(): Promise<void> {
    const { signal } = this.#stop;
    const { items, resourceVersion } = await this.client.list(this.resource, { ...this.#selection(), signal });
    this.counts.lists += 1;
    const listed = new Set<string>();
    for (const item of items) {
      listed.add(keyOf(item));
      this.#put(item);
    }
    for (const key of [...this.store.keys()]) if (!listed.has(key)) this.#remove(key);
    this.#resourceVersion = resourceVersion;
    this.#lives();
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#markSynced();
    this.#tell((handlers) => handlers.synced?.());
  }

  async #watch(): Promise<void> {
    const { watchSeconds = WATCH_SECONDS, watchIdleMs = WATCH_IDLE_MS, watchLineBytes } = this.options;
    const timeoutSeconds = Math.ceil(watchSeconds * (1 + Math.random()));
    const options = { ...this.#selection(), resourceVersion: this.#resourceVersion!, timeoutSeconds, signal: this.#stop.signal };
    const handlers = {
      opened: () => {
        this.counts.watches += 1;
        this.#lives();
      },
      event: (event: WatchEvent<T>) => {
        events += 1;
        this.#take(event);
      },
    };
    let events = 0;
    const began = performance.now();
    await watchOnce(this.client, this.resource, options, handlers, {
      idleMs: watchIdleMs,
      ...(watchLineBytes ? { lineBytes: watchLineBytes } : {}),
    });
    if (events === 0 && performance.now() - began < SHORT_WATCH_MS) {
      throw localError(`watch ${this.resource.plural}`, 'Unreachable', 'the server ended the watch at once');
    }
    this.#failures = 0;
  }

  #take(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') this.#resourceVersion = event.resourceVersion;
    else {
      if (event.type === 'DELETED') this.#remove(keyOf(event.object));
      else this.#put(event.object);
      this.#resourceVersion = event.object.metadata.resourceVersion;
    }
    this.#lives();
    // Only what arrives proves that a watch works: a server that accepts watches and breaks them is left its pauses.
    this.#failures = 0;
  }

  #put(received: T): void {
    const object = (this.options.trim ?? trimmed)(received);
    const key = keyOf(object);
    const known = this.store.byKey(key);
    // Deleted and made anew while nobody watched: two objects that share a name.
    if (known && known.metadata.uid !== object.metadata.uid) this.#remove(key);
    const previous = this.store.set(object);
    if (!previous) this.#tell((handlers) => handlers.added?.(object));
    else if (previous.metadata.resourceVersion !== object.metadata.resourceVersion) {
      this.#tell((handlers) => handlers.updated?.(object, previous));
    }
  }

  #remove(key: string): void {
    const previous = this.store.delete(key);
    if (previous) this.#tell((handlers) => handlers.deleted?.(previous));
  }

  #lives(): void {
    this.#alive = performance.now();
  }

  #selection(): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
    const { namespace, labelSelector, fieldSelector } = this.options;
    return {
      ...(namespace ? { namespace } : {}),
      ...(labelSelector ? { labelSelector } : {}),
      ...(fieldSelector ? { fieldSelector } : {}),
    };
  }

  #tell(call: (handlers: Handlers<T>) => void): void {
    for (const handlers of [...this.#handlers]) this.#call(() => call(handlers));
  }

  /** A handler that throws must cost neither the others nor the watch their events. */
  #call(call: () => void): void {
    try {
      call();
    } catch (error) {
      const message = `handler: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
      this.options.log?.({ level: 'error', message, resource: this.resource.plural });
    }
  }
}
