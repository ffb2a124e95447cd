/**
 * Launch references: by them a sidecar whose agent serves several people says for which of its launches an object is created. A JWT
 * signed with the boot's key (RFC 7515, EdDSA), which carries the key's certificate; who verifies it learns launch and pod.
 */
import { randomUUID, sign, type KeyObject } from 'node:crypto';
import { IdentityError, type PodReference } from '@cairn/identity';
import { createLocalJWKSet, importJWK, jwtVerify, type JSONWebKeySet } from 'jose';
import { readCertificate, STREAM_CERTIFICATE_TYPE, type StreamCertificate } from './certificate.js';
import { MAX_REFERENCE_CHARS, REFERENCE_SECONDS, REFERENCE_SKEW_SECONDS } from './limits.js';

/** Where on an object it stands. Only sidecars write it, and admission takes it off. */
export const REFERENCE_ANNOTATION = 'cairn.dev/launch-reference';
const REFERENCE_TYPE = 'cairn-launch-reference+jwt';
const REFERENCE_AUDIENCE = 'cairn.dev/admission';

interface Claims {
  /** Id of the launch. */
  launch?: unknown;
  /** Stream certificate of the key that signed. */
  certificate?: unknown;
}

export interface LaunchReference {
  /** Id of the launch. */
  launch: string;
  /** The pod whose sidecar signed. */
  pod: PodReference;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** `now` in seconds since the epoch. */
export function signReference(key: KeyObject, certificate: string, launch: string, now: number): string {
  const claims = { aud: REFERENCE_AUDIENCE, iat: now, exp: now + REFERENCE_SECONDS, jti: randomUUID(), launch, certificate };
  const signed = `${encoded({ alg: 'EdDSA', typ: REFERENCE_TYPE })}.${encoded(claims)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}

export interface ReferenceTrust {
  /** Of the token service that certifies streams. */
  issuer: string;
  jwks: () => JSONWebKeySet;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

function malformed(cause?: unknown): IdentityError {
  return new IdentityError('malformed', 'the launch reference cannot be read', { cause });
}

function certificateOf(token: string): { certificate: string; claims: StreamCertificate } {
  if (token.length > MAX_REFERENCE_CHARS) throw malformed();
  let said: Claims;
  try {
    said = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims;
  } catch (error) {
    throw malformed(error);
  }
  const { certificate } = said ?? {};
  const claims = typeof certificate === 'string' ? readCertificate(certificate) : undefined;
  if (!claims) throw malformed();
  return { certificate: certificate as string, claims };
}

/** Verifies references. The result's method throws IdentityError. */
export function createReferenceVerifier(trust: ReferenceTrust): (token: string) => Promise<LaunchReference> {
  return async (token) => {
    const { certificate, claims } = certificateOf(token);
    const now = new Date(trust.clock());
    const rules = { typ: STREAM_CERTIFICATE_TYPE, issuer: trust.issuer, algorithms: ['EdDSA', 'ES256'], currentDate: now };
    try {
      await jwtVerify(certificate, createLocalJWKSet(trust.jwks()), { ...rules, requiredClaims: ['iat', 'cnf', 'pod'] });
    } catch (error) {
      throw new IdentityError('signature', 'the launch reference was signed with a key that this installation did not certify', {
        cause: error,
      });
    }
    const { launch } = await verified(token, claims, now);
    if (typeof launch !== 'string') throw malformed();
    return { launch, pod: claims.pod };
  };
}

async function verified(token: string, { cnf }: StreamCertificate, now: Date): Promise<Claims> {
  try {
    const { payload } = await jwtVerify<Claims>(token, await importJWK(cnf.jwk, 'EdDSA'), {
      algorithms: ['EdDSA'],
      typ: REFERENCE_TYPE,
      audience: REFERENCE_AUDIENCE,
      requiredClaims: ['iat', 'exp', 'jti'],
      maxTokenAge: REFERENCE_SECONDS,
      clockTolerance: REFERENCE_SKEW_SECONDS,
      currentDate: now,
    });
    return payload;
  } catch (error) {
    const expired = (error as { code?: string }).code === 'ERR_JWT_EXPIRED';
    if (expired) throw new IdentityError('expired', 'the launch reference has expired; send the request again', { cause: error });
    throw new IdentityError('signature', 'the launch reference does not hold', { cause: error });
  }
}
