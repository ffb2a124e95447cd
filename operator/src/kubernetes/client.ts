/** Requests of every kind of object, typed by its resource. */
import type { KubeConfig } from '@kubernetes/client-node';
import type { IncomingMessage } from 'node:http';
import { hasStatus, localError } from './api-error.js';
import { PAGE_COUNT } from './limits.js';
import { apiVersionOf, pathOf, type ApiObject, type ObjectKey, type Resource } from './resource.js';
import { Transport, type ApiRequest, type TransportLimits } from './transport.js';

/** Owner of the fields that we apply. */
export const FIELD_MANAGER = 'cairn-operator';

export interface Page<T> {
  items: T[];
  resourceVersion: string;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  signal?: AbortSignal;
  /** Objects of one page; default PAGE_COUNT. */
  pageCount?: number;
}

export interface WatchOptions extends Omit<ListOptions, 'pageCount'> {
  resourceVersion: string;
  timeoutSeconds: number;
}

export interface ApplyOptions extends Call {
  /** Default FIELD_MANAGER; a controller that shares an object with another of ours takes a name of its own. */
  manager?: string;
  /** Takes fields over from other managers; default true, for objects that are ours alone. */
  force?: boolean;
  subresource?: 'status';
}

export interface DeleteOptions {
  /** Only this very object, not one that took its name since. */
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/** Of a single request. */
export interface Call {
  signal?: AbortSignal;
  /** Milliseconds. */
  timeoutMs?: number;
}

export interface WriteOptions extends Call {
  subresource?: 'status';
}

/** Until when a client may act. */
export interface Scope {
  signal: AbortSignal;
  /** Asked before every request; throws when the right to act is over. */
  check?: () => void;
}

interface RawList<T> {
  items?: T[] | null;
  metadata: { resourceVersion: string; continue?: string };
}

export class KubernetesClient {
  readonly #transport: Transport;
  readonly #scope: Scope | undefined;

  constructor(source: KubeConfig | Transport, limits?: TransportLimits | Scope) {
    this.#transport = source instanceof Transport ? source : new Transport(source, limits as TransportLimits | undefined);
    this.#scope = source instanceof Transport ? (limits as Scope | undefined) : undefined;
  }

  /** The same client, which refuses everything once the scope is over: what was sent is aborted. */
  within(scope: Scope): KubernetesClient {
    return new KubernetesClient(this.#transport, scope);
  }

  /** undefined: there is none. */
  async get<T extends ApiObject>(resource: Resource<T>, { namespace, name }: ObjectKey, call: Call = {}): Promise<T | undefined> {
    try {
      return await this.request<T>({ ...call, method: 'GET', path: pathOf(resource, namespace, name) });
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** Every object at one resource version, page by page; a list that grew too old midway is read again at once. */
  async list<T extends ApiObject>(resource: Resource<T>, options: ListOptions = {}): Promise<Page<T>> {
    try {
      return await this.#pages(resource, options, options.pageCount ?? PAGE_COUNT);
    } catch (error) {
      if (!hasStatus(error, 410)) throw error;
      return this.#pages(resource, options, undefined);
    }
  }

  /** The stream of a watch; see Reflector. */
  watch(resource: Resource, options: WatchOptions): Promise<IncomingMessage> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, signal } = options;
    const query = { labelSelector, fieldSelector, resourceVersion, watch: '1', allowWatchBookmarks: 'true' };
    return this.#transport.stream(
      this.#scoped({
        method: 'GET',
        path: pathOf(resource, namespace),
        query: { ...query, timeoutSeconds: String(timeoutSeconds) },
        ...(signal ? { signal } : {}),
      }),
    );
  }

  create<T extends ApiObject>(resource: Resource<T>, object: T, call: Call = {}): Promise<T> {
    return this.request({ ...call, method: 'POST', path: pathOf(resource, object.metadata.namespace), body: named(resource, object) });
  }

  /** Replaces the object; with metadata.resourceVersion only that version of it (409 Conflict otherwise). */
  replace<T extends ApiObject>(resource: Resource<T>, object: T, { subresource, ...call }: WriteOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata;
    return this.request({ ...call, method: 'PUT', path: pathOf(resource, namespace, name, subresource), body: named(resource, object) });
  }

  /** RFC 7386. */
  mergePatch<T extends ApiObject>(resource: Resource<T>, key: ObjectKey, patch: object, options: WriteOptions = {}): Promise<T> {
    const { namespace, name } = key;
    const { subresource, ...call } = options;
    const path = pathOf(resource, namespace, name, subresource);
    return this.request({ ...call, method: 'PATCH', path, body: patch, contentType: 'application/merge-patch+json' });
  }

  /** Server-side apply: the fields given are ours from now on, those given before and not now are removed. */
  apply<T extends ApiObject>(resource: Resource<T>, object: T, options: ApplyOptions = {}): Promise<T> {
    const { manager = FIELD_MANAGER, force = true, subresource, ...call } = options;
    const { namespace, name } = object.metadata;
    return this.request({
      ...call,
      method: 'PATCH',
      path: pathOf(resource, namespace, name, subresource),
      query: { fieldManager: manager, force: String(force) },
      body: named(resource, object),
      contentType: 'application/apply-patch+yaml',
    });
  }

  /** false: there was none. */
  async delete(resource: Resource, { namespace, name }: ObjectKey, options: DeleteOptions = {}): Promise<boolean> {
    const { uid, resourceVersion, propagationPolicy } = options;
    const preconditions = uid || resourceVersion ? { preconditions: { uid, resourceVersion } } : {};
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...preconditions, ...(propagationPolicy ? { propagationPolicy } : {}) };
    try {
      await this.request({ method: 'DELETE', path: pathOf(resource, namespace, name), body });
      return true;
    } catch (error) {
      if (hasStatus(error, 404)) return false;
      throw error;
    }
  }

  /** For what the methods above don't say, such as subresources. Throws ApiError. */
  async request<T>(request: ApiRequest): Promise<T> {
    return this.#transport.send<T>(this.#scoped(request));
  }

  close(): void {
    this.#transport.close();
  }

  #scoped(request: ApiRequest): ApiRequest {
    if (!this.#scope) return request;
    const { signal, check } = this.#scope;
    if (signal.aborted) throw localError(`${request.method} ${request.path}`, 'Aborted', 'the right to act is over', signal.reason);
    check?.();
    return { ...request, signal: request.signal ?? signal };
  }

  async #pages<T extends ApiObject>(resource: Resource<T>, options: ListOptions, pageCount: number | undefined): Promise<Page<T>> {
    const { namespace, labelSelector, fieldSelector, signal } = options;
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const query = { labelSelector, fieldSelector, continue: next, limit: pageCount === undefined ? undefined : String(pageCount) };
      const page = await this.request<RawList<T>>({
        method: 'GET',
        path: pathOf(resource, namespace),
        query,
        ...(signal ? { signal } : {}),
      });
      for (const item of page.items ?? []) items.push(item);
      next = page.metadata.continue;
      if (!next) return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }
}

/** What is sent names its kind, whatever the caller left out: items of lists come without. */
function named<T extends ApiObject>(resource: Resource<T>, object: T): T {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}
