/** As much of an API server as it takes to provoke the faults of one: lists, watches, optimistic concurrency, and breakage on demand. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { ApiObject } from './resource.js';

/** Answers instead of the server; false: not this request. */
export type Fault = (request: IncomingMessage & { query: URLSearchParams; path: string }, response: ServerResponse) => boolean;

interface Change {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  collection: string;
  object: ApiObject;
}

interface OpenWatch {
  collection: string;
  response: ServerResponse;
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refusal(code: number, reason: string): object {
  return { kind: 'Status', status: 'Failure', code, reason, message: `the fake says ${reason}` };
}

function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(target as object) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

const LISTED = /\/(pods|leases|events|auditpolicies|identityproviders|namespaces|services|networkpolicies)$/;

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
}

export class FakeApi {
  /** Requests as `METHOD path`, with `watch ` before those of watches. */
  readonly requests: string[] = [];
  readonly #objects = new Map<string, ApiObject>();
  readonly #watches = new Set<OpenWatch>();
  readonly #faults: Fault[] = [];
  #history: Change[] = [];
  #version = 1;
  #compacted = 0;
  #uid = 0;

  private constructor(readonly server: Server) {}

  static async start(t: TestContext): Promise<FakeApi> {
    const server = createServer((request, response) => void api.#serve(request, response));
    const api: FakeApi = new FakeApi(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return api;
  }

  get config(): KubeConfig {
    const config = new KubeConfig();
    const { port } = this.server.address() as AddressInfo;
    config.loadFromClusterAndUser({ name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'tester' });
    return config;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** Consulted before the server answers, first given first; one that answers is used once. */
  fault(fault: Fault): void {
    this.#faults.push(fault);
  }

  /** Writes an object as somebody else would. */
  put(collection: string, object: ApiObject): ApiObject {
    const key = `${collection}/${object.metadata.name}`;
    const known = this.#objects.get(key);
    const uid = known?.metadata.uid ?? `uid-${++this.#uid}`;
    const stored = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(++this.#version) } };
    this.#objects.set(key, stored);
    this.#changed({ version: this.#version, type: known ? 'MODIFIED' : 'ADDED', collection, object: stored });
    return stored;
  }

  remove(collection: string, name: string): void {
    const key = `${collection}/${name}`;
    const known = this.#objects.get(key);
    if (!known) return;
    this.#objects.delete(key);
    const object = { ...known, metadata: { ...known.metadata, resourceVersion: String(++this.#version) } };
    this.#changed({ version: this.#version, type: 'DELETED', collection, object });
  }

  get(collection: string, name: string): ApiObject | undefined {
    return this.#objects.get(`${collection}/${name}`);
  }

  in(collection: string): ApiObject[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${collection}/`)).map(([, object]) => object);
  }

  /** What happened so far cannot be watched from any more. */
  compact(): void {
    this.#compacted = this.#version;
    this.#history = [];
  }

  /** Bytes as they are to every open watch. */
  sendRaw(bytes: string | Buffer): void {
    for (const { response } of this.#watches) response.write(bytes);
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.#version) } };
    this.sendRaw(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Resets the connections of all watches. */
  resetWatches(): void {
    for (const { response } of this.#watches) response.socket?.resetAndDestroy();
    this.#watches.clear();
  }

  endWatches(): void {
    for (const { response } of this.#watches) response.end();
    this.#watches.clear();
  }

  #changed(change: Change): void {
    this.#history.push(change);
    for (const { collection, response } of this.#watches) {
      if (collection === change.collection) response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://fake');
    const watch = url.searchParams.has('watch');
    this.requests.push(`${watch ? 'watch ' : ''}${request.method} ${url.pathname}`);
    const seen = Object.assign(request, { query: url.searchParams, path: url.pathname });
    const at = this.#faults.findIndex((fault) => fault(seen, response));
    if (at >= 0) {
      this.#faults.splice(at, 1);
      return;
    }
    if (watch) return this.#watch(url, response);
    const body = (await bodyOf(request)) as ApiObject | undefined;
    const slash = url.pathname.lastIndexOf('/');
    const [collection, name] = [url.pathname.slice(0, slash), url.pathname.slice(slash + 1)];
    switch (request.method ?? 'GET') {
      case 'POST':
        if (this.get(url.pathname, body!.metadata.name!)) return answer(response, 409, refusal(409, 'AlreadyExists'));
        return answer(response, 201, this.put(url.pathname, body!));
      case 'PUT':
      case 'PATCH':
        return this.#change(collection, name, request, url, body!, response);
      case 'DELETE':
        this.remove(collection, name);
        return answer(response, 200, { kind: 'Status', status: 'Success' });
      default:
        return this.#read(url, collection, name, response);
    }
  }

  #change(
    collection: string,
    name: string,
    { method, headers }: IncomingMessage,
    url: URL,
    body: ApiObject,
    response: ServerResponse,
  ): void {
    const known = this.get(collection, name);
    const apply = headers['content-type'] === 'application/apply-patch+yaml';
    if (apply && !known) return answer(response, 201, this.put(collection, body));
    if (apply && url.searchParams.get('force') === 'false') return answer(response, 409, refusal(409, 'Conflict'));
    if (!known) return answer(response, 404, refusal(404, 'NotFound'));
    const { resourceVersion } = body.metadata ?? {};
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion) {
      return answer(response, 409, refusal(409, 'Conflict'));
    }
    answer(response, 200, this.put(collection, method === 'PUT' ? body : (merged(known, body) as ApiObject)));
  }

  #read(url: URL, collection: string, name: string, response: ServerResponse): void {
    const object = this.get(collection, name);
    if (object) return answer(response, 200, object);
    if (LISTED.test(url.pathname)) return this.#list(url, response);
    answer(response, 404, refusal(404, 'NotFound'));
  }

  #list(url: URL, response: ServerResponse): void {
    const all = this.in(url.pathname);
    const from = Number(url.searchParams.get('continue') ?? 0);
    const limit = Number(url.searchParams.get('limit') ?? all.length);
    const more = from + limit < all.length ? { continue: String(from + limit) } : {};
    answer(response, 200, { items: all.slice(from, from + limit), metadata: { resourceVersion: String(this.#version), ...more } });
  }

  #watch(url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get('resourceVersion'));
    if (from < this.#compacted) return answer(response, 410, refusal(410, 'Expired'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const collection = url.pathname;
    for (const { version, type, object, collection: changed } of this.#history) {
      if (version > from && changed === collection) response.write(`${JSON.stringify({ type, object })}\n`);
    }
    const open = { collection, response };
    this.#watches.add(open);
    response.on('close', () => this.#watches.delete(open));
  }
}
