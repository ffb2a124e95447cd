/** Takes hops: mTLS with certificates of the operator's CA, one upgrade a connection of an agent. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { ListenAddress } from '../config/env.js';
import type { Log } from '../config/log.js';
import type { HopIdentity } from '../hop/certificate.js';
import { HOP_PROTOCOL } from '../hop/dial.js';
import { HOP_KEEPALIVE_MS, HOP_OPEN_TIMEOUT_MS, MAX_HOP_HEAD_BYTES } from '../hop/limits.js';
import { MAX_CONNECTIONS } from '../pump/limits.js';
import { admitHop, type HopAsked, type HopRefusal } from './admit.js';
import type { Arrival } from './arrival.js';
import { MAX_HOPS_PER_POD } from './limits.js';

export interface GatewayServices {
  /** Why nothing new is taken; undefined: it is. */
  refusing: () => string | undefined;
  /** Begins a hop that was admitted; a refusal where no policy is known for it. */
  arrive(asked: HopAsked, socket: Duplex, head: Buffer, closed: () => void): Arrival | HopRefusal;
  log: Log;
}

export class GatewayServer {
  readonly #arrivals = new Set<Arrival>();
  readonly #perPod = new Map<string, number>();
  #server: Server | undefined;

  constructor(private readonly services: GatewayServices) {}

  /** Hops that are open. */
  get size(): number {
    return this.#arrivals.size;
  }

  arrivals(): Iterable<Arrival> {
    return this.#arrivals;
  }

  async listen({ host, port }: ListenAddress, identity: HopIdentity): Promise<void> {
    const server = createServer({
      ...tlsOf(identity),
      requestCert: true,
      rejectUnauthorized: true,
      maxHeaderSize: MAX_HOP_HEAD_BYTES,
      handshakeTimeout: HOP_OPEN_TIMEOUT_MS,
    });
    server.headersTimeout = HOP_OPEN_TIMEOUT_MS;
    server.on('tlsClientError', (error) => this.services.log.info('handshake refused', { reason: error.message }));
    server.on('request', (request, response) => {
      const asked = admitHop(questionOf(request));
      const { status, detail } = 'status' in asked ? asked : { status: 426, detail: `send Upgrade: ${HOP_PROTOCOL}` };
      response.writeHead(status, { 'content-type': 'application/problem+json', connection: 'close' }).end(problem(status, detail));
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(request, socket as TLSSocket, head));
    server.listen(port, host);
    await once(server, 'listening');
    this.#server = server;
  }

  /** New connections are made with it; those that are open go on. */
  renew(identity: HopIdentity): void {
    this.#server?.setSecureContext(tlsOf(identity));
  }

  /** Takes no new hops. */
  close(): void {
    this.#server?.close();
  }

  #upgrade(request: IncomingMessage, socket: TLSSocket, head: Buffer): void {
    socket.on('error', () => undefined);
    const asked = admitHop(questionOf(request));
    const refusal = 'status' in asked ? asked : (this.#full(asked) ?? this.#begin(asked, socket, head));
    if (!refusal) return;
    const { status, detail } = refusal;
    this.services.log.info('hop refused', { status, reason: detail });
    const body = problem(status, detail);
    socket.end(
      `HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }

  #full({ binding }: HopAsked): HopRefusal | undefined {
    const refusing = this.services.refusing();
    if (refusing !== undefined) return { status: 503, detail: refusing };
    if (this.#arrivals.size >= MAX_CONNECTIONS) return { status: 503, detail: `${MAX_CONNECTIONS} connections are open here` };
    const { name, uid } = binding.pod;
    if ((this.#perPod.get(uid) ?? 0) < MAX_HOPS_PER_POD) return undefined;
    return { status: 403, detail: `pod ${name} has ${MAX_HOPS_PER_POD} connections open here: close some` };
  }

  #begin(asked: HopAsked, socket: TLSSocket, head: Buffer): HopRefusal | undefined {
    const { uid } = asked.binding.pod;
    const arrival = this.services.arrive(asked, socket, head, () => {
      if (!this.#arrivals.delete(arrival as Arrival)) return;
      const left = this.#perPod.get(uid)! - 1;
      if (left > 0) this.#perPod.set(uid, left);
      else this.#perPod.delete(uid);
    });
    if ('status' in arrival) return arrival;
    this.#arrivals.add(arrival);
    this.#perPod.set(uid, (this.#perPod.get(uid) ?? 0) + 1);
    socket.setKeepAlive(true, HOP_KEEPALIVE_MS);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${HOP_PROTOCOL}\r\n\r\n`);
    return undefined;
  }
}

function tlsOf({ cert, key, ca }: HopIdentity): { cert: string; key: string; ca: string; minVersion: 'TLSv1.3' } {
  return { cert, key, ca, minVersion: 'TLSv1.3' };
}

function questionOf({ url, headers, socket }: IncomingMessage): Parameters<typeof admitHop>[0] {
  const certificate = (socket as TLSSocket).getPeerX509Certificate();
  return { url, headers, names: certificate?.subjectAltName };
}

function problem(status: number, detail: string): string {
  return JSON.stringify({ type: 'urn:cairn:problem:hop', title: 'Hop refused', status, detail });
}
