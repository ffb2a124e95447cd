import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

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

export function signJwt(key: SigningKey, typ: string, claims: object): Promise<string> {
  return new SignJWT(claims as JWTPayload).setProtectedHeader({ alg: key.alg, kid: key.kid, typ }).sign(key.privateKey);
}
