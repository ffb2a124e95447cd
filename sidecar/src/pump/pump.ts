/**
 * Moves bytes between an agent's connection and its target under a protocol session. The only code that knows sockets.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import type { EvidenceError } from '@cairn/audit';
import type { Target } from '@cairn/crds';
import type { Session, TargetTls, Wire } from '../protocols/protocol.js';
import { dial, secureTargetSocket, type Resolve } from './dial.js';
import { Leg, type ByteSocket } from './leg.js';
import { CUT_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS, IDLE_TIMEOUT_MS, LINGER_MS, MAX_HANDSHAKE_BYTES } from './limits.js';
import type { Turn, TurnMember } from './turn.js';

export interface PumpServices {
  turn: Turn;
  resolve: Resolve;
  /** Server-side TLS for a name, with a certificate of the pod's CA. */
  secureContextFor: (serverName: string | undefined) => SecureContext;
  targetCa: (target: Target) => string | undefined;
  now: () => number;
  log: (message: string, fields?: Record<string, unknown>) => void;
}

export interface PumpOptions {
  socket: ByteSocket;
  /** Bytes read before the session existed. */
  initial?: Buffer | undefined;
  target: Target;
  host: string;
  port: number;
  open: (wire: Wire) => Session;
  /** Explicit proxy: takes the connection back with the first bytes of what is to be routed anew. */
  reroute?: ((socket: ByteSocket, bytes: Buffer) => void) | undefined;
  closed?: (() => void) | undefined;
  /** Whether the session goes on although evidence could not be written. */
  indifferent?: (() => boolean) | undefined;
}

/** Sessions that are alive, for deadlines and for draining. */
export const livePumps = new Set<Pump>();

export class Pump implements Wire, TurnMember {
  readonly #session: Session;
  readonly #agent: Leg;
  #target: Leg | undefined;
  #joined = false;
  #closed = false;
  /** Bytes for the target before it is connected. */
  #early: Uint8Array[] | undefined = [];
  #earlyEnd = false;
  #securing: { chunks: Buffer[]; size: number } | undefined;
  #lastActive: number;
  #deadline: { at: number; expired: () => void } | undefined;
  readonly reroute: ((bytes: Uint8Array) => void) | undefined;

  constructor(
    private readonly services: PumpServices,
    private readonly options: PumpOptions,
  ) {
    this.#lastActive = services.now();
    this.reroute = options.reroute ? (bytes) => this.#handBack(Buffer.from(bytes)) : undefined;
    this.#agent = new Leg(options.socket, {
      data: (chunk) => this.#agentData(chunk),
      end: () => this.#guarded(() => this.#session.agentEnd()),
      close: (error) => this.#agentClosed(error),
      writable: (ready) => this.#target?.block(!ready),
    });
    livePumps.add(this);
    this.#session = options.open(this);
    this.#guarded(() => this.#session.start());
    const initial = options.initial;
    if (initial && initial.length > 0) this.#agentData(initial);
  }

  /** Bytes handed to the agent's socket that it has not taken yet. */
  get queuedForAgent(): number {
    return this.#agent.socket.writableLength;
  }

  toAgent(bytes: Uint8Array): void {
    this.#agent.push(bytes);
    this.#join();
  }

  toTarget(bytes: Uint8Array): void {
    if (this.#target) this.#target.push(bytes);
    else this.#early?.push(bytes);
    this.#join();
  }

  pauseAgent(): void {
    this.#agent.hold(true);
  }

  resumeAgent(): void {
    this.#agent.hold(false);
  }

  pauseTarget(): void {
    this.#target?.hold(true);
  }

  resumeTarget(): void {
    this.#target?.hold(false);
  }

  async connectTarget(): Promise<void> {
    if (this.#target) this.#letGoOfTarget(this.#target);
    const socket = await dial(this.services.resolve(this.options.host, this.options.port));
    if (this.#closed) {
      socket.destroy();
      return;
    }
    this.#target = new Leg(socket, {
      data: (chunk) => {
        this.#lastActive = this.services.now();
        this.#guarded(() => this.#session.targetData(chunk));
      },
      end: () => this.#guarded(() => this.#session.targetEnd()),
      close: (error) => this.#targetClosed(error),
      writable: (ready) => this.#agent.block(!ready),
    });
    for (const bytes of this.#early ?? []) this.#target.push(bytes);
    if (this.#earlyEnd) this.#target.end();
    this.#early = undefined;
    if (this.#target.queued) this.#join();
  }

  /** What comes for the target waits for its new connection. */
  #letGoOfTarget(former: Leg): void {
    this.#target = undefined;
    this.#early = [];
    this.#agent.block(false);
    endSoon(former.detach());
  }

  async secureTarget(options: { alpn?: string[]; clientCertificate?: { cert: string; key: string } }): Promise<TargetTls> {
    const leg = this.#target;
    if (!leg) throw new Error('secureTarget before connectTarget');
    await this.#flushed();
    const { target, host } = this.options;
    const secured = await secureTargetSocket(leg.detach() as Socket, {
      host,
      serverName: target.tls.serverName,
      ca: this.services.targetCa(target),
      alpn: options.alpn,
      clientCertificate: options.clientCertificate,
    });
    leg.attach(secured);
    return { alpn: secured.alpnProtocol || undefined, peerCertificate: secured.getPeerX509Certificate()?.raw ?? Buffer.alloc(0) };
  }

  async secureAgent(options: {
    alpn?: string[];
    pending?: Uint8Array;
  }): Promise<{ servername: string | undefined; alpn: string | undefined }> {
    const securing = { chunks: options.pending ? [Buffer.from(options.pending)] : [], size: 0 };
    this.#securing = securing;
    this.#agent.socket.pause();
    await this.#flushed();
    const raw = this.#agent.detach();
    this.#securing = undefined;
    if (securing.chunks.length > 0) raw.unshift(Buffer.concat(securing.chunks));
    const secured = new TLSSocket(raw, {
      isServer: true,
      minVersion: 'TLSv1.2',
      // Of a client that names no server (RFC 6066 3: an address is none) the declared host is known.
      secureContext: this.services.secureContextFor(this.options.host),
      SNICallback: (name, callback) => callback(null, this.services.secureContextFor(name)),
      ...(options.alpn ? { ALPNProtocols: options.alpn } : {}),
    });
    await handshake(secured);
    this.#agent.attach(secured);
    const servername = (secured as TLSSocket & { servername?: string | false }).servername;
    return { servername: servername || undefined, alpn: secured.alpnProtocol || undefined };
  }

  endAgent(): void {
    this.#agent.end();
    this.#join();
  }

  endTarget(): void {
    if (this.#target) this.#target.end();
    else this.#earlyEnd = true;
    this.#join();
  }

  destroy(reason: string): void {
    if (this.#closed) return;
    this.services.log('session ended', { reason });
    this.#finish();
  }

  /** Ends the session for `reason`. Its last words go out with this turn; who does not take them in time is cut off. */
  cut(reason: string): void {
    if (this.#closed) return;
    this.#guarded(() => this.#session.cut(reason));
    setTimeout(() => {
      this.destroy(reason);
      this.#agent.socket.destroy();
      this.#target?.socket.destroy();
    }, CUT_TIMEOUT_MS).unref();
  }

  deadline(deadline: { after: number; expired: () => void } | undefined): void {
    this.#deadline = deadline && { at: this.services.now() + deadline.after, expired: deadline.expired };
  }

  afterFlush(callback: () => void): void {
    this.services.turn.after(callback);
  }

  send(): void {
    this.#joined = false;
    if (this.#closed) return;
    this.#target?.send();
    this.#agent.send();
  }

  evidenceFailed(error: EvidenceError): void {
    if (this.options.indifferent?.()) return this.send();
    this.#joined = false;
    if (this.#closed) return;
    this.#agent.drop();
    this.#target?.drop();
    this.#early = this.#early && [];
    this.#guarded(() => this.#session.evidenceFailed(error));
    // What the session answers is about evidence that was refused: it goes out although nothing can be written.
    this.#agent.send();
    this.#target?.send();
  }

  /** Ends what has been idle for too long and fires the session's deadline. */
  sweep(now: number): void {
    if (now - this.#lastActive > IDLE_TIMEOUT_MS) return this.destroy('idle');
    const deadline = this.#deadline;
    if (!deadline || now < deadline.at) return;
    this.#deadline = undefined;
    this.#guarded(deadline.expired);
  }

  #agentData(chunk: Buffer): void {
    const securing = this.#securing;
    if (securing) {
      securing.chunks.push(chunk);
      securing.size += chunk.length;
      if (securing.size > MAX_HANDSHAKE_BYTES) this.destroy('too many bytes before the TLS handshake');
      return;
    }
    this.#lastActive = this.services.now();
    this.#guarded(() => this.#session.agentData(chunk));
  }

  #join(): void {
    if (this.#joined || this.#closed) return;
    this.#joined = true;
    this.services.turn.join(this);
  }

  #flushed(): Promise<void> {
    if (this.options.indifferent?.()) {
      this.send();
      return Promise.resolve();
    }
    return new Promise((resolve) => this.services.turn.after(resolve));
  }

  #agentClosed(error: Error | undefined): void {
    if (this.#closed) return;
    if (error) this.services.log('agent connection failed', { reason: error.message });
    this.#finish();
  }

  #targetClosed(error: Error | undefined): void {
    if (this.#closed) return;
    if (error) {
      this.services.log('target connection failed', { reason: error.message });
      this.#guarded(() => this.#session.targetEnd());
    }
    this.#agent.block(false);
  }

  #handBack(bytes: Buffer): void {
    const socket = this.#agent.detach();
    this.#finish(false);
    this.options.reroute?.(socket, bytes);
  }

  #finish(destroyAgent = true): void {
    this.#closed = true;
    livePumps.delete(this);
    try {
      this.#session.closed();
    } catch (error) {
      this.services.log('session failed while closing', { reason: (error as Error).message });
    }
    if (destroyAgent) endSoon(this.#agent.socket);
    if (this.#target) endSoon(this.#target.socket);
    this.options.closed?.();
  }

  /** A session that throws fails closed, alone. */
  #guarded(step: () => void): void {
    if (this.#closed) return;
    try {
      step();
    } catch (error) {
      this.services.log('session failed', { reason: (error as Error).stack ?? String(error) });
      this.#agent.drop();
      this.#target?.drop();
      this.#finish();
    }
  }
}

/** Lets what was handed to the socket drain, for a while. */
function endSoon(socket: ByteSocket): void {
  if (socket.destroyed) return;
  socket.destroySoon();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

async function handshake(secured: TLSSocket): Promise<void> {
  const timer = setTimeout(() => secured.destroy(new Error('the TLS handshake timed out')), HANDSHAKE_TIMEOUT_MS);
  try {
    await once(secured, 'secure');
  } finally {
    clearTimeout(timer);
  }
}
