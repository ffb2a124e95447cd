/**
 * Requests into the agent: proves who calls, opens a context that outbound exchanges are attributed to, and passes the
 * request on without the proof, which the agent never holds. On http-proxy: rates are low and heads are rewritten anyway.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import type { Operation, Verdict } from '@cairn/crds';
import { CAIRN_CONTEXT, CAIRN_EVENT, isIdentityHeader, IdentityError, uuidv7 } from '@cairn/identity';
import type { Attribution } from '../attribute/attribution.js';
import type { Contexts } from '../attribute/contexts.js';
import type { ListenAddress } from '../config/env.js';
import type { Log } from '../config/log.js';
import type { PolicyInForce } from '../control/bundles.js';
import type { Launches } from '../control/launches.js';
import type { BodyCapture, Exchange, SessionRecorder } from '../record/exchange.js';
import { recorderFor } from '../record/best-effort.js';
import type { RecorderServices } from '../record/recorder.js';
import type { EvidenceRing } from '../record/ring.js';
import { ABANDONED_CONTEXT_MS, MAX_INBOUND_BODY_BYTES } from './limits.js';
import { originalDestination } from './original-destination.js';
import { presentedToken, unverifiedIssuer } from './presented-token.js';

export interface InboundServices {
  contexts: Contexts;
  launches: Launches;
  recorder: RecorderServices;
  ring: EvidenceRing;
  inForce: () => PolicyInForce;
  /** Ports of the application; the first serves connections that were not redirected. */
  ports: readonly number[];
  /** Where this listener was told to listen: a connection to it is not a redirected one. */
  address: ListenAddress;
  log: Log;
}

interface Admission {
  attribution: Attribution;
  handle: string;
  exchange: Exchange;
  cut: Cut;
}

/** How a request that is being served ends when its launch is revoked. */
class Cut {
  reason: string | undefined;
  /** Set once there is an answer to end. */
  by: (reason: string) => void = () => undefined;

  readonly now = (reason: string): void => {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.by(reason);
  };
}

const FORBIDDEN_WITHOUT_IDENTITY = 'this agent serves only callers that prove who they are: send an OIDC token as Authorization: Bearer';

export async function listenInbound(services: InboundServices): Promise<Server> {
  const proxy = httpProxy.createProxyServer({ xfwd: false, changeOrigin: false });
  const server = createServer();
  server.on('request', (request, response) => void new InboundRequest(services, proxy, request).serve(response));
  server.on('upgrade', (request, socket, head) => void new InboundRequest(services, proxy, request).upgrade(socket, head));
  proxy.on('error', () => undefined);
  server.listen(services.address.port, services.address.host);
  await once(server, 'listening');
  return server;
}

class InboundRequest {
  readonly #operation: Operation;
  readonly #statement: string;
  readonly #recorder: SessionRecorder;
  readonly #port: number;

  constructor(
    private readonly services: InboundServices,
    private readonly proxy: httpProxy,
    private readonly request: IncomingMessage,
  ) {
    const { method = 'GET', url = '/' } = request;
    const path = url.split('?', 1)[0]!;
    const effect = method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 'read' : 'write';
    this.#operation = { verb: method, resource: path, effect };
    this.#statement = `${method} ${path}`;
    this.#port = this.#applicationPort();
    const { agent } = services.recorder;
    const target = { name: agent.name, host: agent.pod, port: this.#port };
    const facts = { id: uuidv7(), direction: 'inbound', protocol: 'http', target } as const;
    this.#recorder = recorderFor(services.recorder, services.ring, facts, services.inForce().policy);
  }

  async serve(response: ServerResponse): Promise<void> {
    const admitted = await this.#admit();
    if ('problem' in admitted) {
      response.writeHead(admitted.status, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify(admitted.problem));
      return;
    }
    const { exchange, handle, cut } = admitted;
    const [sent, received] = [this.#body(), this.#body()];
    this.request.on('data', (chunk: Buffer) => sent.add(chunk));
    this.#recordResponse(response, received);
    let failure: string | undefined;
    cut.by = (reason) => {
      if (response.headersSent) return void response.destroy();
      response.on('finish', () => this.request.socket.destroySoon());
      response.writeHead(403, { 'content-type': 'application/problem+json', connection: 'close' });
      response.end(JSON.stringify(problem(403, 'Revoked', reason, exchange.id)));
    };
    response.on('close', () => {
      const error = cut.reason ?? failure ?? (response.writableFinished ? undefined : 'the connection ended before the response did');
      this.#closeContext(handle, response.writableFinished && cut.reason === undefined);
      exchange.complete({ status: String(response.statusCode), request: sent.finish(), response: received.finish(), error });
    });
    this.proxy.web(this.request, response, { target: this.#target() }, (error) => {
      failure = `the application did not answer: ${error.message}`;
      if (response.headersSent) return void response.destroy();
      response.writeHead(502, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify(problem(502, 'Application not reached', failure, exchange.id)));
    });
  }

  async upgrade(socket: Duplex, head: Buffer): Promise<void> {
    const admitted = await this.#admit();
    if ('problem' in admitted) {
      const body = JSON.stringify(admitted.problem);
      socket.end(
        `HTTP/1.1 ${admitted.status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
      return;
    }
    const { exchange, handle, cut } = admitted;
    let failure: string | undefined;
    cut.by = () => socket.destroy();
    socket.on('close', () => {
      this.#closeContext(handle, cut.reason === undefined);
      exchange.complete({ status: failure ? '502' : '101', error: cut.reason ?? failure });
    });
    this.proxy.ws(this.request, socket, head, { target: this.#target() }, (error) => {
      failure = `the application did not answer: ${error.message}`;
      socket.destroy();
    });
  }

  async #admit(): Promise<Admission | { status: number; problem: Record<string, unknown> }> {
    const { services } = this;
    const { refusing } = this.#recorder;
    const lenient = this.#allowed().delivery === 'BestEffort';
    if (refusing && !lenient) return refused(503, 'Evidence cannot be written', refusing.message);
    const attribution = await this.#attribution();
    if (attribution instanceof IdentityError)
      return this.#deny(NOBODY, attribution.code === 'unavailable' ? 503 : 401, attribution.message);
    const { policy } = services.inForce();
    if (!attribution.identity && policy.spec.identity.required) return this.#deny(attribution, 401, FORBIDDEN_WITHOUT_IDENTITY);
    const exchange = this.#intent(attribution, this.#allowed());
    const cut = new Cut();
    const handle = this.#openContext(attribution, exchange.id, cut);
    if (handle === undefined) {
      exchange.complete({ status: '503', error: 'too many requests at a time' });
      return refused(503, 'Too many requests at a time', 'try again later', exchange.id);
    }
    this.#rewriteHeaders(handle);
    if (!lenient) await new Promise<void>((resolve) => services.recorder.turn.after(resolve));
    if (cut.reason !== undefined) return this.#cutEarly(handle, exchange, cut.reason);
    return { attribution, handle, exchange, cut };
  }

  /** Who calls: a chain token of another sidecar, a person's OIDC token, or nobody. */
  async #attribution(): Promise<Attribution | IdentityError> {
    const { launches, inForce } = this.services;
    const presented = presentedToken(this.request.headers);
    if (!presented) return NOBODY;
    if (presented.kind === 'oidc') {
      const issuer = unverifiedIssuer(presented.token);
      const { providers, tokenService } = inForce().bundle;
      // Another service's token is the application's business; it proves nothing here.
      if (issuer !== tokenService.issuer && !providers.some(({ spec }) => spec.oidc?.issuer === issuer)) return NOBODY;
    }
    try {
      const { identity, token } = await launches.of(presented.token, presented.kind);
      const hop = this.request.headers[CAIRN_EVENT];
      const cause = presented.kind === 'launch' && typeof hop === 'string' && UUID.test(hop) ? hop : undefined;
      if (presented.kind === 'oidc') delete this.request.headers.authorization;
      return { method: 'presented', identity, token, candidates: undefined, cause };
    } catch (error) {
      if (error instanceof IdentityError) return error;
      throw error;
    }
  }

  #deny(attribution: Attribution, status: number, reason: string): { status: number; problem: Record<string, unknown> } {
    const exchange = this.#intent(attribution, { ...this.#allowed(), action: 'Deny', reason });
    exchange.complete({ status: String(status), error: reason });
    return refused(status, status === 401 ? 'Identity required' : 'Identity could not be checked', reason, exchange.id);
  }

  #allowed(): Verdict {
    const { policy } = this.services.inForce();
    const { level, delivery } = policy.spec.default;
    return { action: 'Allow', policy: policy.name, level: level === 'None' ? 'Metadata' : level, delivery, mask: [] };
  }

  #intent(attribution: Attribution, verdict: Verdict): Exchange {
    const traceparent = this.request.headers['traceparent'];
    return this.#recorder.intent({
      attribution,
      verdict,
      operation: this.#operation,
      statement: this.#statement,
      traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    });
  }

  #cutEarly(handle: string, exchange: Exchange, reason: string): { status: number; problem: Record<string, unknown> } {
    this.services.contexts.close(handle);
    exchange.complete({ status: '403', error: reason });
    return refused(403, 'Revoked', reason, exchange.id);
  }

  #openContext({ identity, token }: Attribution, cause: string, cut: Cut): string | undefined {
    const trace = this.request.headers['traceparent'];
    const traceparent = typeof trace === 'string' ? trace : undefined;
    return this.services.contexts.open({ identity, token, cause, traceparent, cut: cut.now });
  }

  /** An agent whose caller went away may still work for it: its context stays open for a while, or that work would look like another's. */
  #closeContext(handle: string, answered: boolean): void {
    const { contexts } = this.services;
    if (answered) contexts.close(handle);
    else setTimeout(() => contexts.close(handle), ABANDONED_CONTEXT_MS).unref();
  }

  /** The agent sees the request without the proof, and a handle that it may pass on. */
  #rewriteHeaders(handle: string): void {
    const { headers } = this.request;
    for (const name of Object.keys(headers)) if (isIdentityHeader(name)) delete headers[name];
    headers[CAIRN_CONTEXT] = handle;
  }

  #body(): BodyCapture {
    const { level } = this.services.inForce().policy.spec.default;
    const type = this.request.headers['content-type'] ?? 'application/octet-stream';
    return this.#recorder.body({ keep: level === 'RequestResponse', maxBytes: MAX_INBOUND_BODY_BYTES, type });
  }

  #recordResponse(response: ServerResponse, received: BodyCapture): void {
    const write = response.write.bind(response);
    const end = response.end.bind(response);
    const seen = (chunk: unknown): void => {
      if (Buffer.isBuffer(chunk)) received.add(chunk);
      else if (typeof chunk === 'string') received.add(Buffer.from(chunk));
    };
    response.write = ((...args: Parameters<typeof write>) => {
      seen(args[0]);
      return write(...args);
    }) as typeof write;
    response.end = ((...args: Parameters<typeof end>) => {
      seen(args[0]);
      return end(...args);
    }) as typeof end;
  }

  #target(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  #applicationPort(): number {
    const { ports, address } = this.services;
    const destination = originalDestination(this.request.socket);
    if (destination && destination.port !== address.port && ports.includes(destination.port)) return destination.port;
    return ports[0] ?? 80;
  }
}

const NOBODY: Attribution = { method: 'none', identity: undefined, token: undefined, candidates: undefined, cause: undefined };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function refused(status: number, title: string, detail: string, event?: string): { status: number; problem: Record<string, unknown> } {
  return { status, problem: problem(status, title, detail, event) };
}

function problem(status: number, title: string, detail: string, event: string | undefined): Record<string, unknown> {
  const type = `urn:cairn:problem:${status === 401 ? 'identity' : 'inbound'}`;
  return { type, title, status, detail, ...(event === undefined ? {} : { event }) };
}
