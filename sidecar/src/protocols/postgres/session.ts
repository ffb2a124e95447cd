/** A PostgreSQL connection from its first byte: greeting, upstream authentication, then the conversation. */
import type { EvidenceError } from '@cairn/audit';
import type { Verdict } from '@cairn/crds';
import type { Exchange } from '../../record/exchange.js';
import type { Session, SessionContext } from '../protocol.js';
import { AgentLeg } from './agent-leg.js';
import type { CancelKeys } from './cancel.js';
import { Conversation, tagOf } from './conversation.js';
import { Framer } from './frame.js';
import { attributionHint } from './hints.js';
import { MAX_AGENT_MESSAGE_BYTES, MAX_STARTUP_BYTES, MAX_TARGET_MESSAGE_BYTES, STARTUP_TIMEOUT_MS } from './limits.js';
import { AUTHENTICATION_OK, type ErrorWords, errorResponse, message, packet, parameterStatus } from './messages.js';
import type { SqlClassifier } from './sql/classify.js';
import { type FirstPacket, readFirstPacket, refusedParameter, type Startup, upstreamParameters } from './startup.js';
import { TargetLeg } from './target-leg.js';
import { serverError, Upstream, UpstreamError, upstreamWords } from './upstream.js';

const TLS_HANDSHAKE = 0x16;
const CANCEL_REQUEST = 80_877_102;
const PROTOCOL_3 = 3 << 16;
const ALPN = 'postgresql';
/** SQLSTATE admin_shutdown. */
const ADMIN_SHUTDOWN = '57P01';

type Phase = 'greeting' | 'securing' | 'connecting' | 'authenticating' | 'open' | 'ended';

export class PostgresSession implements Session {
  private phase: Phase = 'greeting';
  private greeting: Buffer = Buffer.alloc(0);
  private secured = false;
  private readonly upstream: Upstream;
  private conversation: Conversation | undefined;
  private targetLeg: TargetLeg | undefined;
  private connection: Exchange | undefined;
  private startup: Startup | undefined;
  private forgetKey: (() => void) | undefined;
  /** As the agent would send it; undefined before the server gave a key. */
  private cancelRequest: Buffer | undefined;
  private readonly targetFrames: Framer;

  constructor(
    private readonly context: SessionContext,
    private readonly classifier: SqlClassifier,
    private readonly keys: CancelKeys,
  ) {
    this.upstream = new Upstream(context);
    this.targetFrames = new Framer(
      {
        streams: (type) => this.phase === 'open' && this.targetLeg!.streams(type),
        piece: (type, buffer, start, end, first) => this.targetLeg!.piece(type, buffer, start, end, first),
        message: (type, buffer, start, end) => {
          if (this.phase === 'open') this.targetLeg!.message(type, buffer, start, end);
          else if (this.phase === 'authenticating') this.handshakeMessage(type, buffer, start, end);
        },
        malformed: (reason) => this.refuse({ severity: 'FATAL', code: '08P01', message: `invalid message from the server: ${reason}` }),
      },
      MAX_TARGET_MESSAGE_BYTES,
    );
  }

  start(): void {
    this.context.wire.deadline({
      after: STARTUP_TIMEOUT_MS,
      expired: () =>
        this.refuse({
          severity: 'FATAL',
          code: '08006',
          message: `the connection was not open after ${STARTUP_TIMEOUT_MS / 1000} seconds`,
        }),
    });
  }

  agentData(chunk: Buffer): void {
    if (this.phase === 'open') {
      this.conversation!.agentFrames.push(chunk);
      this.conversation!.flush();
      return;
    }
    if (this.phase === 'ended') return;
    this.greeting = this.greeting.length === 0 ? chunk : Buffer.concat([this.greeting, chunk]);
    if (this.phase === 'greeting') this.greet();
    else if (this.greeting.length > MAX_STARTUP_BYTES * 8) {
      this.refuse({ severity: 'FATAL', code: '08P01', message: 'too much was sent before the connection was open' });
    }
  }

  private greet(): void {
    if (this.greeting[0] === TLS_HANDSHAKE && !this.secured) return this.secure(this.greeting, [ALPN]);
    const first = readFirstPacket(this.greeting);
    switch (first.kind) {
      case 'incomplete':
        return;
      case 'malformed':
        return this.refuse({ severity: 'FATAL', code: '08P01', message: first.reason });
      case 'gss':
        this.greeting = this.greeting.subarray(8);
        this.context.wire.toAgent(Buffer.from('N'));
        return this.greet();
      case 'ssl': {
        const rest = this.greeting.subarray(8);
        // Bytes in the clear behind the request would be taken for encrypted ones (CVE-2021-23222).
        if (this.secured || rest.length > 0)
          return this.refuse({ severity: 'FATAL', code: '08P01', message: 'data follows the SSLRequest' });
        this.context.wire.toAgent(Buffer.from('S'));
        return this.secure(rest, undefined);
      }
      case 'cancel':
        this.phase = 'connecting';
        void this.cancel(first);
        return;
      case 'startup':
        this.greeting = this.greeting.subarray(this.greeting.readInt32BE(0));
        return this.begin(first);
    }
  }

  private secure(pending: Buffer, alpn: string[] | undefined): void {
    this.phase = 'securing';
    this.greeting = Buffer.alloc(0);
    const options = { alpn: [ALPN], ...(pending.length > 0 ? { pending } : {}) };
    void this.secureAgent(options, alpn !== undefined);
  }

  private async secureAgent(options: Parameters<SessionContext['wire']['secureAgent']>[0], direct: boolean): Promise<void> {
    const { wire } = this.context;
    try {
      const tls = await wire.secureAgent(options);
      if (this.phase !== 'securing') return;
      this.phase = 'greeting';
      this.secured = true;
      // Direct TLS without the protocol's name could be another protocol's handshake (protocol, "SSL Session Encryption").
      if (direct && tls.alpn !== ALPN)
        return this.refuse({ severity: 'FATAL', code: '08P01', message: 'direct TLS needs the ALPN protocol "postgresql"' });
      if (this.greeting.length > 0) this.greet();
    } catch (error) {
      wire.destroy(`TLS with the agent failed: ${String(error)}`);
    }
  }

  private begin(startup: Startup): void {
    const problem = refusedParameter(startup.parameters);
    if (problem !== undefined) return this.refuse({ severity: 'FATAL', code: '0A000', message: problem });
    this.startup = startup;
    this.phase = 'connecting';
    const attribution = this.context.attribute(attributionHint(''));
    const tag = tagOf(attribution);
    const { record } = this.context;
    const verdict = this.connectionVerdict();
    if (record.refusing && verdict.delivery !== 'BestEffort')
      return this.refuse({ severity: 'FATAL', code: '53100', message: `evidence cannot be written: ${record.refusing.message}` });
    this.connection = record.intent({
      attribution,
      verdict,
      operation: {
        verb: 'CONNECT',
        resource: startup.parameters.get('database') ?? startup.parameters.get('user') ?? '',
        effect: 'read',
        parameters: Object.fromEntries(startup.parameters),
      },
    });
    const conversation = new Conversation(this.context, this.classifier, tag);
    this.conversation = conversation;
    const agentLeg = new AgentLeg(conversation);
    this.targetLeg = new TargetLeg(conversation);
    conversation.agentFrames = new Framer(agentLeg, MAX_AGENT_MESSAGE_BYTES);
    void this.open(startup, tag);
  }

  /** A connection does nothing by itself: its statements are decided one by one. */
  private connectionVerdict(): Verdict {
    const policy = this.context.policy() as ReturnType<SessionContext['policy']> | undefined;
    return {
      action: 'Allow',
      policy: policy?.name ?? '',
      reason: 'the statements of a connection are decided one by one',
      level: 'Metadata',
      delivery: policy?.spec.default.delivery === 'BestEffort' ? 'BestEffort' : 'Durable',
      mask: [],
    };
  }

  private async open(startup: Startup, tag: string): Promise<void> {
    try {
      await this.upstream.connect();
      if (this.phase !== 'connecting') return;
      this.phase = 'authenticating';
      const user = this.upstream.user(startup.parameters.get('user') ?? '');
      this.context.wire.toTarget(packet(PROTOCOL_3 | startup.minor, upstreamParameters(startup, user, tag)));
    } catch (error) {
      this.refuse(upstreamWords(error, this.context.target.name));
    }
  }

  targetData(chunk: Buffer): void {
    if (this.phase === 'open') {
      this.targetFrames.push(chunk);
      this.conversation!.flush();
    } else if (!this.upstream.takeAnswer(chunk) && this.phase === 'authenticating') this.targetFrames.push(chunk);
  }

  private handshakeMessage(type: number, buffer: Buffer, start: number, end: number): void {
    if (type === 0x52) {
      this.targetFrames.halted = true;
      void this.authenticate(buffer, start, end);
      return;
    }
    const { wire } = this.context;
    switch (type) {
      case 0x45: {
        const { code, message: text } = serverError(buffer, start, end);
        return this.refuse({ severity: 'FATAL', code, message: text });
      }
      case 0x76: // NegotiateProtocolVersion
        return this.negotiated(buffer, start);
      case 0x4b: {
        const { message: key, forget } = this.keys.exchange(buffer, start, end, this.startup!.minor);
        this.forgetKey = forget;
        this.cancelRequest = packet(CANCEL_REQUEST, key.subarray(5));
        return wire.toAgent(key);
      }
      case 0x53: {
        // The agent sees its own application_name: the tag is for the server.
        const name = this.targetLeg!.setting(buffer, start, end);
        const own = this.startup!.parameters.get('application_name') ?? '';
        return wire.toAgent(name === 'application_name' ? parameterStatus(name, own) : buffer.subarray(start, end));
      }
      case 0x5a:
        wire.toAgent(buffer.subarray(start, end));
        return this.ready();
      default:
        wire.toAgent(buffer.subarray(start, end));
    }
  }

  /** One message of the authentication; the next is read after it. */
  private async authenticate(buffer: Buffer, start: number, end: number): Promise<void> {
    try {
      await this.upstream.authenticate(buffer, start, end);
      if (this.phase !== 'authenticating') return;
      if (this.upstream.authenticated) this.welcome();
      this.targetFrames.resume();
    } catch (error) {
      this.refuse(upstreamWords(error, this.context.target.name));
    }
  }

  private negotiated(buffer: Buffer, start: number): void {
    const minor = buffer.readInt32BE(start + 5) & 0xffff;
    if (minor > this.startup!.minor)
      return this.refuse({ severity: 'FATAL', code: '08P01', message: 'the server negotiates a protocol that was not asked for' });
    this.startup!.minor = minor;
    this.startup!.negotiate ??= [];
  }

  /** The agent is let in without a question: what it may do is decided by who launched it. */
  private welcome(): void {
    const { minor, negotiate } = this.startup!;
    if (negotiate) {
      const count = Buffer.alloc(8);
      count.writeInt32BE(PROTOCOL_3 | minor);
      count.writeInt32BE(negotiate.length, 4);
      this.context.wire.toAgent(message('v', count, negotiate.map((name) => `${name}\0`).join('')));
    }
    this.context.wire.toAgent(AUTHENTICATION_OK);
  }

  private ready(): void {
    this.phase = 'open';
    this.context.wire.deadline(undefined);
    this.connection?.complete({ status: '00000' });
    this.connection = undefined;
    const conversation = this.conversation!;
    if (this.greeting.length > 0) conversation.agentFrames.push(this.greeting);
    this.greeting = Buffer.alloc(0);
    conversation.flush();
  }

  /** Asks the server to cancel what the agent's key stands for, on a connection of its own. */
  private async cancel({ pid, secret }: Extract<FirstPacket, { kind: 'cancel' }>): Promise<void> {
    const key = this.keys.find(pid, secret);
    if (!key) return this.context.wire.destroy('a cancel request with an unknown key');
    const { record, wire } = this.context;
    const attribution = this.context.attribute(attributionHint(''));
    const exchange = record.refusing
      ? undefined
      : record.intent({
          attribution,
          verdict: this.connectionVerdict(),
          operation: { verb: 'CANCEL', resource: String(pid), effect: 'read' },
        });
    if (!exchange) return wire.destroy('evidence cannot be written');
    try {
      await this.upstream.connect();
      wire.toTarget(packet(CANCEL_REQUEST, key.pid, key.secret));
      exchange.complete({ status: '00000' });
      wire.endTarget();
      wire.endAgent();
    } catch (error) {
      exchange.complete({ status: '08001', error: upstreamWords(error, this.context.target.name).message });
      wire.destroy('the cancel request did not reach the server');
    }
    this.phase = 'ended';
  }

  private refuse(words: ErrorWords): void {
    if (this.phase === 'ended') return;
    this.phase = 'ended';
    this.connection?.complete({ status: words.code, error: words.message });
    this.connection = undefined;
    const { wire } = this.context;
    wire.deadline(undefined);
    wire.toAgent(errorResponse(words));
    wire.endAgent();
    wire.endTarget();
  }

  agentEnd(): void {
    if (this.phase === 'open') {
      this.conversation!.flush();
      this.context.wire.endTarget();
    } else if (this.phase !== 'ended') this.context.wire.destroy('the agent left before the connection was open');
  }

  targetEnd(): void {
    if (this.phase === 'open') {
      this.conversation!.flush();
      this.completeOpen('the server closed the connection');
      this.context.wire.endAgent();
    } else if (this.phase !== 'ended')
      this.refuse(
        upstreamWords(
          new UpstreamError({ severity: 'FATAL', code: '08006', message: `target ${this.context.target.name} closed the connection` }),
          this.context.target.name,
        ),
      );
  }

  evidenceFailed(error: EvidenceError): void {
    const code = error.code === 'disk-full' || error.code === 'quota' || error.code === 'high-water' ? '53100' : '58030';
    if (this.conversation) this.conversation.ended = true;
    this.refuse({
      severity: 'FATAL',
      code,
      message: `evidence cannot be written: ${error.message}`,
      hint: 'Nothing is let through unrecorded; connect again later.',
    });
  }

  cut(reason: string): void {
    if (this.phase === 'open') this.breakOff(reason);
    // Behind half a message the words would be read as its rest.
    if (this.targetFrames.amidst) this.context.wire.destroy(reason);
    else this.refuse({ severity: 'FATAL', code: ADMIN_SHUTDOWN, message: `terminating connection: ${reason}` });
  }

  /** A server goes on with what it runs when its client is gone, so it is asked to cancel that. */
  private breakOff(reason: string): void {
    const { conversation, cancelRequest } = this;
    conversation!.flush();
    if (conversation!.pending.size > 0 && cancelRequest) this.context.aside(cancelRequest);
    this.completeOpen(reason, ADMIN_SHUTDOWN);
  }

  closed(): void {
    this.completeOpen('the connection was lost');
    this.connection?.complete({ status: '08006', error: 'the connection was lost' });
    this.connection = undefined;
    this.phase = 'ended';
    this.forgetKey?.();
  }

  private completeOpen(reason: string, code = '08006'): void {
    const { conversation } = this;
    if (!conversation) return;
    conversation.ended = true;
    for (const { pending } = conversation; pending.size > 0; pending.shift()) {
      const { item } = pending;
      if (item && 'execution' in item) item.execution.complete(code, item.execution.error?.message ?? reason);
    }
  }
}
