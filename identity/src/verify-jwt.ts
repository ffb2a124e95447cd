import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import type { KeyResolver } from './keys.js';
import { CLOCK_SKEW_SECONDS, TOKEN_CHARACTERS } from './limits.js';
import { IdentityError } from './types.js';

export interface JwtRules {
  keys: KeyResolver;
  issuer: string;
  audience: string | string[];
  algorithms: readonly string[];
  /** Media types of the header's `typ`, in lower case without `application/`; `undefined` accepts a token without one. */
  types: readonly (string | undefined)[];
  required: readonly string[];
  /** Milliseconds. */
  clock: () => number;
}

export interface VerifiedJwt {
  payload: JWTPayload & { iat: number; exp: number };
  type: string | undefined;
}

const CLAIM_CODES: Record<string, 'issuer' | 'audience' | 'not-yet-valid'> = { iss: 'issuer', aud: 'audience', nbf: 'not-yet-valid' };
const CLAIM_SENTENCES: Record<string, string> = {
  iss: 'the token is of another issuer',
  aud: 'the token is for another audience',
  nbf: 'the token is not valid yet; compare the clocks of issuer and verifier',
};

/** Says what did not hold in a sentence of ours: a library's error may carry the payload along. */
function rejection(error: unknown): IdentityError {
  if (error instanceof IdentityError) return error;
  if (error instanceof errors.JWTExpired) return new IdentityError('expired', 'the token has expired; log in again');
  if (error instanceof errors.JWTClaimValidationFailed) {
    const code = CLAIM_CODES[error.claim];
    return new IdentityError(code ?? 'claims', CLAIM_SENTENCES[error.claim] ?? `the token's claim ${error.claim} is missing or wrong`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return new IdentityError('algorithm', 'the token is signed with an algorithm that is not accepted');
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return new IdentityError('signature', 'the signature of the token does not hold');
  if (error instanceof errors.JWKSNoMatchingKey)
    return new IdentityError('unknown-key', 'the token is signed with a key that its issuer does not publish');
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return new IdentityError('unknown-key', 'the token names no key id, and its issuer publishes several keys');
  return new IdentityError('malformed', 'the token is not a signed JWT that can be read');
}

function headerType(typ: unknown): string | undefined {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : undefined;
}

/** Verifies a signed JWT by all rules of RFC 8725 that apply. Throws IdentityError; never repeats a part of the token. */
export async function verifyJwt(token: string, rules: JwtRules): Promise<VerifiedJwt> {
  if (token.length > TOKEN_CHARACTERS) {
    throw new IdentityError('malformed', `the token is longer than ${TOKEN_CHARACTERS} characters; have the provider put fewer claims in`);
  }
  const options: JWTVerifyOptions = {
    algorithms: [...rules.algorithms],
    issuer: rules.issuer,
    audience: rules.audience,
    requiredClaims: ['iat', 'exp', ...rules.required],
    clockTolerance: CLOCK_SKEW_SECONDS,
    currentDate: new Date(rules.clock()),
  };
  const { payload, protectedHeader } = await jwtVerify(token, rules.keys, options).catch((error: unknown) => {
    throw rejection(error);
  });
  const type = headerType(protectedHeader.typ);
  if (!rules.types.includes(type)) throw new IdentityError('claims', 'the token is of another type than is expected here');
  if (typeof payload.iat !== 'number' || payload.iat > rules.clock() / 1000 + CLOCK_SKEW_SECONDS) {
    throw new IdentityError('not-yet-valid', 'the token was issued in the future; compare the clocks of issuer and verifier');
  }
  return { payload: payload as VerifiedJwt['payload'], type };
}
