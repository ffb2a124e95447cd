/** SCRAM-SHA-256 and SCRAM-SHA-256-PLUS as a client (RFC 5802, RFC 7677; channel binding tls-server-end-point, RFC 5929). */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { MAX_SCRAM_ITERATIONS } from './limits.js';

const derive = promisify(pbkdf2);
const KEY_BYTES = 32;

export class ScramError extends Error {}

export class ScramClient {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
  private readonly gs2: string;
  private readonly bare: string;
  private readonly nonce = randomBytes(18).toString('base64');
  private expected: Buffer | undefined;

  /** `certificate`: the server's, DER, where TLS is on. */
  constructor(
    private readonly password: string,
    offered: readonly string[],
    private readonly certificate: Buffer | undefined,
  ) {
    const hash = certificate && endPointHash(certificate);
    if (hash && offered.includes('SCRAM-SHA-256-PLUS')) this.mechanism = 'SCRAM-SHA-256-PLUS';
    else if (offered.includes('SCRAM-SHA-256')) this.mechanism = 'SCRAM-SHA-256';
    else throw new ScramError(`the server offers ${offered.join(', ')}; SCRAM-SHA-256 is what the sidecar speaks`);
    this.gs2 = this.mechanism === 'SCRAM-SHA-256-PLUS' ? 'p=tls-server-end-point,,' : 'n,,';
    this.bare = `n=,r=${this.nonce}`;
  }

  first(): string {
    return this.gs2 + this.bare;
  }

  async final(serverFirst: string): Promise<string> {
    const { r: nonce, s: salt, i: rounds } = attributes(serverFirst);
    const iterations = Number(rounds);
    if (!nonce?.startsWith(this.nonce) || nonce.length === this.nonce.length || !salt)
      throw new ScramError('the server answered SCRAM with a nonce that is not ours');
    if (!Number.isSafeInteger(iterations) || iterations < 1 || iterations > MAX_SCRAM_ITERATIONS)
      throw new ScramError(`the server asks for ${rounds} SCRAM iterations`);
    const salted = await derive(this.password.normalize('NFKC'), Buffer.from(salt, 'base64'), iterations, KEY_BYTES, 'sha256');
    const binding = Buffer.concat([
      Buffer.from(this.gs2),
      ...(this.mechanism === 'SCRAM-SHA-256-PLUS' ? [endPointHash(this.certificate!)!] : []),
    ]);
    const withoutProof = `c=${binding.toString('base64')},r=${nonce}`;
    const signed = `${this.bare},${serverFirst},${withoutProof}`;
    const clientKey = hmac(salted, 'Client Key');
    const signature = hmac(createHash('sha256').update(clientKey).digest(), signed);
    this.expected = hmac(hmac(salted, 'Server Key'), signed);
    return `${withoutProof},p=${Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64')}`;
  }

  /** The server proves that it knows the password, too. Throws where it does not. */
  verify(serverFinal: string): void {
    const proof = Buffer.from(attributes(serverFinal)['v'] ?? '', 'base64');
    if (!this.expected || proof.length !== this.expected.length || !timingSafeEqual(proof, this.expected)) {
      throw new ScramError('the server does not know the password of the credential: it is not the server that it claims to be');
    }
  }
}

function attributes(text: string): Record<string, string | undefined> {
  return Object.fromEntries(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Hashes of signature algorithms by their OID's DER; MD5 and SHA-1 are replaced by SHA-256 (RFC 5929 4.1). */
const HASHES: readonly (readonly [oid: string, hash: string])[] = [
  ['2a864886f70d010104', 'sha256'],
  ['2a864886f70d010105', 'sha256'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a8648ce3d0401', 'sha256'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
];

/** tls-server-end-point; undefined where the signature names no single hash (Ed25519, RSA-PSS). */
function endPointHash(certificate: Buffer): Buffer | undefined {
  const outer = element(certificate, 0);
  const signed = outer && element(certificate, outer.start);
  const algorithm = signed && element(certificate, signed.end);
  const oid = algorithm && element(certificate, algorithm.start);
  if (!oid) return undefined;
  const hash = HASHES.find(([known]) => known === certificate.toString('hex', oid.start, oid.end))?.[1];
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
}

/** Content bounds of the DER element at `at` (X.690 8.1). */
function element(der: Buffer, at: number): { start: number; end: number } | undefined {
  const first = der[at + 1];
  if (first === undefined) return undefined;
  const extra = first < 0x80 ? 0 : first & 0x7f;
  if (extra > 4 || at + 2 + extra > der.length) return undefined;
  const length = extra === 0 ? first : der.readUIntBE(at + 2, extra);
  const start = at + 2 + extra;
  return start + length <= der.length ? { start, end: start + length } : undefined;
}
