/**
 * What a protocol is to the rest of the sidecar. A session is a state machine over bytes: it sees chunks of both legs,
 * and acts through its Wire. It knows no sockets, no files, no clock of its own, so that it can be driven by a test
 * byte by byte. One folder a protocol, each with frame.ts, interpret.ts, rewrite.ts and session.ts.
 */
import type { EvidenceError } from '@cairn/audit';
import type { CompiledPolicy, Operation, Protocol, Target, Verdict } from '@cairn/crds';
import type { Attribution, AttributionHint } from '../attribute/attribution.js';
import type { TargetCredential } from '../credentials/credential.js';
import type { Guard } from '../guard/guard.js';
import type { SessionRecorder } from '../record/exchange.js';

/**
 * The two legs, as a session may use them. Nothing that it sends leaves the process before the evidence appended so
 * far is written: the pump collects a turn's writes, flushes the stream once, then sends. A session therefore records
 * its intent, calls toTarget, and need not wait.
 */
export interface Wire {
  toAgent(bytes: Uint8Array): void;
  /** Buffered until connectTarget has resolved. */
  toTarget(bytes: Uint8Array): void;
  /** Stops agentData (one more chunk may come). Independent of the pump's own back-pressure. */
  pauseAgent(): void;
  resumeAgent(): void;
  pauseTarget(): void;
  resumeTarget(): void;
  /** Dials the target (TCP), in place of a connection that has ended. Called by the session. Rejects with a DialError. */
  connectTarget(): Promise<void>;
  /** TLS on the target leg from the next byte on; resolves after the handshake with what channel binding needs. Verifies strictly. */
  secureTarget(options: { alpn?: string[]; clientCertificate?: { cert: string; key: string } }): Promise<TargetTls>;
  /**
   * TLS on the agent's leg, served with a certificate of the pod's CA for the name in the ClientHello. `pending` are
   * agent bytes that the session has seen and that belong to the handshake. Resolves after the handshake.
   */
  secureAgent(options: { alpn?: string[]; pending?: Uint8Array }): Promise<{ servername: string | undefined; alpn: string | undefined }>;
  /** Half-close after what was sent. */
  endAgent(): void;
  endTarget(): void;
  /** Both legs, at once. `reason` goes to the log. */
  destroy(reason: string): void;
  /** Explicit proxy only: this session is done, `bytes` (agent's) begin another one, routed anew. undefined where routing is fixed. */
  reroute: ((bytes: Uint8Array) => void) | undefined;
  /** One deadline a session, replaced by the next call, cleared by undefined; fires within a second after it is due. */
  deadline(deadline: { after: number; expired: () => void } | undefined): void;
  /** Runs after the current turn's flush, when writes have been handed to the sockets. */
  afterFlush(callback: () => void): void;
}

export interface TargetTls {
  alpn: string | undefined;
  /** DER of the server's certificate and OpenSSL's name of its signature hash, for tls-server-end-point (RFC 5929). */
  peerCertificate: Buffer;
}

export class DialError extends Error {
  constructor(
    readonly code: 'refused' | 'timeout' | 'dns' | 'tls' | 'unreachable',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DialError';
  }
}

export interface Session {
  /** Called once, before any data. */
  start(): void;
  agentData(chunk: Buffer): void;
  targetData(chunk: Buffer): void;
  /** The leg's peer will send no more. */
  agentEnd(): void;
  targetEnd(): void;
  /**
   * Evidence could not be written: bytes handed to toTarget this turn were dropped, nothing more will be recorded. Answer open
   * exchanges with an error in the protocol's words and end the session.
   */
  evidenceFailed(error: EvidenceError): void;
  /** Nothing may go on, and `reason` says why: complete what is open with it, answer in the protocol's words where they fit, end both legs. */
  cut(reason: string): void;
  /** Both legs are gone: complete what is open. */
  closed(): void;
}

export interface SessionContext {
  /** UUIDv7. */
  readonly id: string;
  readonly target: Target;
  /** The declared host and port that the agent addressed. */
  readonly host: string;
  readonly port: number;
  /** The policy in force now; read it per exchange, bundles change while a session lives. */
  readonly policy: () => CompiledPolicy;
  readonly wire: Wire;
  readonly credential: () => TargetCredential;
  /** Whether this is the token that the pod's own containers hold; compared in constant time. */
  readonly isSessionToken: (bearer: string) => boolean;
  /** Which launch the next exchange belongs to. */
  readonly attribute: (hint: AttributionHint) => Attribution;
  /** Policy over operations and who acts: ambiguity, missing identity and unparsed operations (undefined) included. */
  readonly decide: (operations: readonly Operation[] | undefined, attribution: Attribution) => Verdict;
  readonly record: SessionRecorder;
  readonly guard: Guard;
  /** A signed reference to a launch that this pod serves, for admission; undefined where the pod serves no requests. */
  readonly refer: ((launch: string) => string) | undefined;
  /** Opens a session of its own to the same target, without an agent; it begins with these bytes and ends by itself. */
  readonly aside: (initial: Buffer) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Structured log line; never a secret, never a body. */
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

export interface ProtocolModule {
  readonly protocol: Protocol;
  open(context: SessionContext): Session;
}
