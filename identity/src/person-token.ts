import { randomUUID } from 'node:crypto';
import { createKeyResolver, type JwksSource } from './keys.js';
import { CAIRN_AUDIENCE } from './launch-token.js';
import { VERIFIED_TOKENS } from './limits.js';
import type { VerifiedPrincipal } from './oidc.js';
import { signJwt, SIGNING_ALGORITHMS, type SigningKey } from './signing.js';
import { TokenCache } from './token-cache.js';
import { IdentityError, type Principal } from './types.js';
import { verifyJwt } from './verify-jwt.js';

/** An access token (RFC 9068) of the token service for a person whose own proof is good once or for the service alone. */
export const PERSON_TYPE = 'at+jwt';
/** Who asked for it: everybody asks as `cairn`. RFC 9068 2.2 requires the claim. */
const CLIENT = 'cairn';

export interface PersonTokenTerms {
  issuer: string;
  /** Seconds since the epoch. */
  now: number;
  lifetimeSeconds: number;
}

export function mintPersonToken(key: SigningKey, principal: Principal, terms: PersonTokenTerms): Promise<string> {
  return signJwt(key, PERSON_TYPE, {
    iss: terms.issuer,
    aud: CAIRN_AUDIENCE,
    sub: principal.sub,
    client_id: CLIENT,
    iat: terms.now,
    nbf: terms.now,
    exp: terms.now + terms.lifetimeSeconds,
    jti: randomUUID(),
    principal,
  });
}

export interface PersonTokenVerifier {
  /** Throws IdentityError. */
  verify(token: string): Promise<VerifiedPrincipal>;
}

export function createPersonTokenVerifier(options: { issuer: string; jwks: JwksSource; clock?: () => number }): PersonTokenVerifier {
  const clock = options.clock ?? Date.now;
  const rules = {
    keys: createKeyResolver(options.jwks, clock),
    issuer: options.issuer,
    audience: CAIRN_AUDIENCE,
    algorithms: SIGNING_ALGORITHMS,
    types: [PERSON_TYPE],
    required: ['sub', 'jti', 'client_id'],
    clock,
  };
  const verified = new TokenCache<VerifiedPrincipal>(VERIFIED_TOKENS);
  return {
    async verify(token) {
      const key = TokenCache.key(token);
      const known = verified.get(key, clock() / 1000);
      if (known) return known;
      const { payload } = await verifyJwt(token, rules);
      const principal = payload['principal'] as Principal | undefined;
      if (!principal?.iss || principal.sub !== payload.sub || !principal.name || !Array.isArray(principal.groups)) {
        throw new IdentityError('claims', 'the access token does not name a person');
      }
      const result = { principal, expires: payload.exp };
      verified.set(key, result, payload.exp);
      return result;
    },
  };
}
