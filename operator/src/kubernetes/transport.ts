/** HTTP to the API server: authentication and TLS from the kubeconfig, limits and time-outs from here. */
import { request as httpRequest, Agent as HttpAgent, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { answerError, ApiError, localError } from './api-error.js';
import { CONNECTIONS_COUNT, REQUEST_BYTES, REQUEST_MS, RESPONSE_BYTES } from './limits.js';

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  /** Default application/json. */
  contentType?: string;
  signal?: AbortSignal;
  /** Milliseconds until the whole answer is there; default REQUEST_MS. */
  timeoutMs?: number;
}

export interface TransportLimits {
  responseBytes?: number;
}

function search(query: ApiRequest['query']): string {
  const given = Object.entries(query ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

function asked({ method, path }: ApiRequest): string {
  return `${method} ${path}`;
}

function isReset(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

function unreachable(request: ApiRequest, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return localError(asked(request), 'Unreachable', `the API server cannot be reached (${code})`, error);
}

async function readText(response: IncomingMessage, limit: number, request: ApiRequest): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) throw localError(asked(request), 'ResponseTooLarge', `the answer has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export class Transport {
  readonly #config: KubeConfig;
  readonly #responseBytes: number;
  readonly #agents: { http: HttpAgent; https: HttpsAgent };
  readonly #watchAgents: { http: HttpAgent; https: HttpsAgent };

  constructor(config: KubeConfig, { responseBytes = RESPONSE_BYTES }: TransportLimits = {}) {
    this.#config = config;
    this.#responseBytes = responseBytes;
    const pool = { keepAlive: true, maxSockets: CONNECTIONS_COUNT };
    this.#agents = { http: new HttpAgent(pool), https: new HttpsAgent(pool) };
    // Watches hold their connections: in one pool with requests they would starve them.
    this.#watchAgents = { http: new HttpAgent(), https: new HttpsAgent() };
  }

  /** The answer's JSON. Throws ApiError for every status but 2xx and for whatever keeps the answer away. */
  async send<T>(request: ApiRequest): Promise<T> {
    try {
      return await this.#exchange<T>(request);
    } catch (error) {
      // The server closed a kept connection while we wrote (RFC 9112 9.3.1): reads and applies may be sent again.
      const again = error instanceof ApiError && isReset(error.cause) && (request.method === 'GET' || request.method === 'PATCH');
      if (!again || request.signal?.aborted) throw error;
      return this.#exchange<T>(request);
    }
  }

  /** The answer as it arrives, once its head says 200. The caller destroys it. */
  async stream(request: ApiRequest): Promise<IncomingMessage> {
    return this.#guarded(request, async (abort) => this.#answer(request, true, abort));
  }

  close(): void {
    for (const agent of [...Object.values(this.#agents), ...Object.values(this.#watchAgents)]) agent.destroy();
  }

  async #exchange<T>(request: ApiRequest): Promise<T> {
    const text = await this.#guarded(request, async (abort) =>
      readText(await this.#answer(request, false, abort), this.#responseBytes, request),
    );
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw localError(asked(request), 'BadResponse', 'the answer is no JSON', error);
    }
  }

  /** Ends the request when its time is over or its caller gives up. */
  async #guarded<T>(request: ApiRequest, run: (onRequest: (sent: ClientRequest) => void) => Promise<T>): Promise<T> {
    const { signal, timeoutMs = REQUEST_MS } = request;
    let sent: ClientRequest | undefined;
    let reason: ApiError | undefined;
    const end = (error: ApiError): void => {
      reason ??= error;
      sent?.destroy(error);
    };
    const timer = setTimeout(() => end(localError(asked(request), 'Timeout', `no answer within ${timeoutMs} ms`)), timeoutMs);
    const aborted = (): void => end(localError(asked(request), 'Aborted', 'given up', signal?.reason));
    if (signal?.aborted) aborted();
    signal?.addEventListener('abort', aborted);
    try {
      return await run((each) => {
        sent = each;
        if (reason) each.destroy(reason);
      });
    } catch (error) {
      throw reason ?? unreachable(request, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    }
  }

  async #answer(request: ApiRequest, watch: boolean, onRequest: (sent: ClientRequest) => void): Promise<IncomingMessage> {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    if (body && body.length > REQUEST_BYTES)
      throw localError(asked(request), 'RequestTooLarge', `the object has more than ${REQUEST_BYTES} bytes`);
    const { url, options } = await this.#target(request, body, watch);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = (url.protocol === 'http:' ? httpRequest : httpsRequest)(url, options, resolve);
      sent.once('error', reject);
      onRequest(sent);
      sent.end(body);
    });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const text = await readText(response, this.#responseBytes, request);
    throw answerError(asked(request), status, text, response.headers['retry-after']);
  }

  async #target(request: ApiRequest, body: Buffer | undefined, watch: boolean): Promise<{ url: URL; options: RequestOptions }> {
    const cluster = this.#config.getCurrentCluster();
    if (!cluster) throw localError(asked(request), 'Unreachable', 'the kubeconfig names no cluster; see KUBECONFIG');
    const url = new URL(`${cluster.server.replace(/\/$/, '')}${request.path}${search(request.query)}`);
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const agents = watch ? this.#watchAgents : this.#agents;
    return {
      url,
      options: {
        ...options,
        method: request.method,
        agent: cluster.proxyUrl ? options.agent : url.protocol === 'http:' ? agents.http : agents.https,
        headers: {
          ...(options.headers as Record<string, string> | undefined),
          accept: 'application/json',
          'user-agent': 'cairn-operator',
          ...(body ? { 'content-type': request.contentType ?? 'application/json', 'content-length': body.length } : {}),
        },
      },
    };
  }
}
