/** The target leg until the server has let the sidecar in: TLS, startup packet, authentication with the sidecar's credential. */
import { createHash } from 'node:crypto';
import type { SessionContext, TargetTls } from '../protocol.js';
import { errorFields, type ErrorWords, message, packet } from './messages.js';
import { ScramClient, ScramError } from './scram.js';

const SSL_REQUEST = 80_877_103;
const ALPN = ['postgresql'];

export class UpstreamError extends Error {
  constructor(readonly words: ErrorWords) {
    super(words.message);
  }
}

export class Upstream {
  private answer: ((byte: number) => void) | undefined;
  private tls: TargetTls | undefined;
  private scram: ScramClient | undefined;
  /** Set once AuthenticationOk arrived. */
  authenticated = false;

  constructor(private readonly context: SessionContext) {}

  /** The name that the server knows the sidecar by. */
  user(agentUser: string): string {
    const credential = this.context.credential();
    return (credential.kind === 'password' || credential.kind === 'certificate' ? credential.username : undefined) ?? agentUser;
  }

  /** Dials and, as the target's tls says, begins TLS. */
  async connect(): Promise<void> {
    const { wire, target } = this.context;
    await wire.connectTarget();
    if (target.tls.mode === 'Disable') return;
    const answered = new Promise<number>((resolve) => (this.answer = resolve));
    wire.toTarget(packet(SSL_REQUEST));
    const answer = await answered;
    if (answer === 0x53) {
      const credential = this.context.credential();
      const certificate = credential.kind === 'certificate' ? { clientCertificate: { cert: credential.cert, key: credential.key } } : {};
      this.tls = await wire.secureTarget({ alpn: ALPN, ...certificate });
    } else if (target.tls.mode === 'Require' || answer !== 0x4e) {
      throw new UpstreamError({
        severity: 'FATAL',
        code: '08001',
        message: `target ${target.name} does not offer TLS, which its policy requires`,
        hint: 'Turn ssl on in the server, or set tls.mode of the target.',
      });
    }
  }

  /** Whether the answer to SSLRequest is awaited: one bare byte, and nothing may follow it (CVE-2021-23222). */
  takeAnswer(chunk: Buffer): boolean {
    if (!this.answer) return false;
    const answer = this.answer;
    this.answer = undefined;
    answer(chunk.length === 1 ? chunk[0]! : 0);
    return true;
  }

  /** An Authentication* message. Throws UpstreamError or ScramError. */
  async authenticate(buffer: Buffer, start: number, end: number): Promise<void> {
    const body = buffer.subarray(start + 9, end);
    switch (buffer.readInt32BE(start + 5)) {
      case 0:
        if (this.scram) throw new ScramError('the server ended SCRAM before it proved itself');
        this.authenticated = true;
        return;
      case 3:
        if (!this.tls) throw refused('the server asks for the password in the clear, without TLS; it was not sent');
        return this.password(this.secret().password);
      case 5: {
        const { username, password } = this.secret();
        return this.password(`md5${md5(md5(password + username), body.subarray(0, 4))}`);
      }
      case 10: {
        const offered = body.toString('utf8').split('\0').filter(Boolean);
        this.scram = new ScramClient(this.secret().password, offered, this.tls?.peerCertificate);
        const first = Buffer.from(this.scram.first());
        const length = Buffer.alloc(4);
        length.writeInt32BE(first.length);
        return this.context.wire.toTarget(message('p', this.scram.mechanism, '\0', length, first));
      }
      case 11:
        if (!this.scram) throw new ScramError('the server goes on with SCRAM that was not begun');
        return this.context.wire.toTarget(message('p', await this.scram.final(body.toString('utf8'))));
      case 12:
        if (!this.scram) throw new ScramError('the server goes on with SCRAM that was not begun');
        this.scram.verify(body.toString('utf8'));
        this.scram = undefined;
        return;
      default:
        throw refused('the server asks for an authentication method that the sidecar does not speak; scram-sha-256, md5 and cert work');
    }
  }

  private password(secret: string): void {
    this.context.wire.toTarget(message('p', secret, '\0'));
  }

  private secret(): { username: string; password: string } {
    const credential = this.context.credential();
    if (credential.kind === 'password') return credential;
    throw refused(`the server asks for a password and target ${this.context.target.name} declares none`);
  }
}

function refused(text: string): UpstreamError {
  return new UpstreamError({
    severity: 'FATAL',
    code: '28000',
    message: text,
    hint: 'See credential and tls of the target in the AuditPolicy.',
  });
}

function md5(...parts: (string | Buffer)[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** The words for an agent when the server or the way to it failed. */
export function upstreamWords(error: unknown, target: string): ErrorWords {
  if (error instanceof UpstreamError) return error.words;
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof ScramError ? '28P01' : '08001';
  return { severity: 'FATAL', code, message: `target ${target} could not be reached: ${text}` };
}

/** SQLSTATE and message of a server's ErrorResponse. */
export function serverError(buffer: Buffer, start: number, end: number): { code: string; message: string } {
  const fields = errorFields(buffer, start, end);
  return { code: fields.get('C') ?? 'XX000', message: fields.get('M') ?? '' };
}
