import { KeyObject, sign } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose';

/** The algorithms of the token service: both are fixed-size, fast to verify and without padding to get wrong. */
export const SIGNING_ALGORITHMS = ['ES256', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

export interface SigningKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly privateKey: CryptoKey;
  /** As published in a JWKS. */
  readonly publicJwk: JWK;
}

function publicPart(jwk: JWK, kid: string, alg: SigningAlgorithm): JWK {
  const { kty, crv, x, y } = jwk as { kty: string; crv: string; x: string; y?: string };
  return { kty, crv, x, ...(y ? { y } : {}), kid, alg, use: 'sig' };
}

/** Reads a private JWK (EC P-256 or OKP Ed25519). The key id is its RFC 7638 thumbprint. */
export async function importSigningKey(jwk: JWK): Promise<SigningKey> {
  const alg: SigningAlgorithm = jwk.kty === 'OKP' ? 'EdDSA' : 'ES256';
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, alg, privateKey: (await importJWK(jwk, alg)) as CryptoKey, publicJwk: publicPart(jwk, kid, alg) };
}

/** A new private key as a JWK, to be kept where only the token service reads. */
export async function generateSigningJwk(alg: SigningAlgorithm = 'ES256'): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return exportJWK(privateKey);
}

export async function generateSigningKey(alg: SigningAlgorithm = 'ES256'): Promise<SigningKey> {
  return importSigningKey(await generateSigningJwk(alg));
}

interface Prepared {
  key: KeyObject;
  /** Protected headers by `typ`, encoded. */
  headers: Map<string, string>;
}

const prepared = new WeakMap<SigningKey, Prepared>();

function prepare(key: SigningKey): Prepared {
  const known = prepared.get(key);
  if (known) return known;
  const made = { key: KeyObject.from(key.privateKey), headers: new Map<string, string>() };
  prepared.set(key, made);
  return made;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function headerOf(key: SigningKey, typ: string, { headers }: Prepared): string {
  const known = headers.get(typ);
  if (known !== undefined) return known;
  const header = encoded({ alg: key.alg, kid: key.kid, typ });
  headers.set(typ, header);
  return header;
}

/**
 * A JWS in its compact form (RFC 7515 7.1). Signed in the calling thread: WebCrypto's way through the thread pool costs several
 * times what a signature does, and admission signs at every pod.
 */
export async function signJwt(key: SigningKey, typ: string, claims: object): Promise<string> {
  const ready = prepare(key);
  const input = `${headerOf(key, typ, ready)}.${encoded(claims)}`;
  // RFC 7518 3.4: R and S side by side, not DER. Ed25519 hashes by itself (RFC 8037 3.1).
  const digest = key.alg === 'ES256' ? 'sha256' : null;
  const signature = sign(digest, Buffer.from(input), { key: ready.key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
