/** The auditor's key pair: X25519, as JWK files (RFC 8037). Sidecars know the public half only. */
import { createHash, generateKeyPairSync } from 'node:crypto';

/** Contents of a key file. `d` only in the private one. */
export interface AuditorJwk {
  kty: 'OKP';
  crv: 'X25519';
  /** RFC 7638 thumbprint. */
  kid: string;
  x: string;
  d?: string;
}

/** What a stream needs to seal: base64url of 32 raw bytes, and the name it will be found by. */
export interface AuditorPublicKey {
  kid: string;
  publicKey: string;
}

export function generateAuditorKey(): { publicJwk: AuditorJwk; privateJwk: AuditorJwk & { d: string } } {
  const jwk = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const publicJwk: AuditorJwk = { kty: 'OKP', crv: 'X25519', kid: thumbprint(jwk.x!), x: jwk.x! };
  return { publicJwk, privateJwk: { ...publicJwk, d: jwk.d! } };
}

/** Reads a key file. Throws a TypeError that says what is wrong, never with a part of the key. */
export function parseAuditorJwk(text: string): AuditorJwk {
  const jwk = parseObject(text);
  if (jwk['kty'] !== 'OKP' || jwk['crv'] !== 'X25519') throw new TypeError('an auditor key is a JWK with kty OKP and crv X25519');
  const { x, d } = jwk;
  if (!isRawKey(x)) throw new TypeError('the auditor key has no x of 32 bytes in base64url');
  if (d !== undefined && !isRawKey(d)) throw new TypeError('the auditor key has a d that is not 32 bytes in base64url');
  const kid = thumbprint(x);
  if (jwk['kid'] !== undefined && jwk['kid'] !== kid) throw new TypeError('the kid of the auditor key is not its RFC 7638 thumbprint');
  return { kty: 'OKP', crv: 'X25519', kid, x, ...(d === undefined ? {} : { d }) };
}

export function auditorPublicKey(jwk: AuditorJwk): AuditorPublicKey {
  return { kid: jwk.kid, publicKey: jwk.x };
}

function thumbprint(x: string): string {
  return createHash('sha256').update(`{"crv":"X25519","kty":"OKP","x":"${x}"}`).digest('base64url');
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Below: the parser's own message would quote the file.
  }
  throw new TypeError('the auditor key file holds no JSON object');
}

function isRawKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{43}$/.test(value) && Buffer.from(value, 'base64url').length === 32;
}
