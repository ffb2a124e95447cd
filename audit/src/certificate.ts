/** Stream certificates: JWTs of the token service that bind a boot's Ed25519 key to its stream and pod (RFC 7800 `cnf`). */
import type { PodReference } from '@cairn/identity';
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose';

/** Who certifies streams: the token service's issuer and its published keys, past ones included. */
export interface CertificateTrust {
  issuer: string;
  jwks: JSONWebKeySet;
}

export interface StreamCertificate {
  iss: string;
  /** The stream's id. */
  sub: string;
  iat: number;
  cnf: { jwk: { kty: 'OKP'; crv: 'Ed25519'; x: string } };
  pod: PodReference;
  agent: string;
}

/** `typ` of the header (RFC 8725 3.11). */
export const STREAM_CERTIFICATE_TYPE = 'cairn-stream+jwt';
const ALGORITHMS = ['EdDSA', 'ES256'];

/** What a certificate claims, unverified; undefined where it is none. */
export function readCertificate(certificate: string): StreamCertificate | undefined {
  try {
    const claims = decodeJwt<StreamCertificate>(certificate);
    const jwk = claims.cnf?.jwk;
    return jwk?.kty === 'OKP' && jwk.crv === 'Ed25519' && typeof jwk.x === 'string' ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** Verifies certificates against one trust. Returns undefined where one holds, else why it does not, as half a sentence. */
export function createCertificateVerifier(trust: CertificateTrust): (certificate: string, stream: string) => Promise<string | undefined> {
  const keys = createLocalJWKSet(trust.jwks);
  return async (certificate, stream) => {
    const claims = readCertificate(certificate);
    if (!claims || !isCanonical(certificate)) return 'its certificate cannot be read';
    try {
      await jwtVerify(certificate, keys, {
        algorithms: ALGORITHMS,
        issuer: trust.issuer,
        subject: stream,
        typ: STREAM_CERTIFICATE_TYPE,
        requiredClaims: ['iat', 'cnf'],
        // Evidence outlives keys: what counts is whether it held when it was made.
        currentDate: new Date(claims.iat * 1000),
      });
      return undefined;
    } catch {
      return `its certificate was not issued by ${trust.issuer} for this stream`;
    }
  };
}

/** Base64url has several spellings of the same bytes; only the plain one counts. */
function isCanonical(jwt: string): boolean {
  return jwt.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}
