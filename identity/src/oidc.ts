import type { OidcProviderSpec } from '@cairn/crds';
import { NAME_CHARACTERS, VERIFIED_SECONDS, VERIFIED_TOKENS } from './limits.js';
import { claimAt, groupsFrom, groupsOverage, isPlainText } from './oidc-groups.js';
import { DiscoveredProvider } from './oidc-provider.js';
import { TokenCache } from './token-cache.js';
import { IdentityError, type Principal } from './types.js';
import { verifyJwt, type VerifiedJwt } from './verify-jwt.js';

export interface OidcVerifierOptions extends OidcProviderSpec {
  /** Milliseconds. */
  clock?: () => number;
}

export interface VerifiedPrincipal {
  principal: Principal;
  /** Seconds since the epoch. */
  expires: number;
}

export interface OidcVerifier {
  readonly issuer: string;
  /** Verifies an ID token or a JWT access token (RFC 9068). Throws IdentityError. */
  verify(token: string): Promise<VerifiedPrincipal>;
}

/** Asymmetric only (RFC 8725 3.1, 3.2): with `none` and HS* a public key or nothing at all would sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const TYPES = [undefined, 'jwt', 'at+jwt'];
/** Keycloak writes what a token is for into the payload, under the header's type JWT. */
const PAYLOAD_TYPES: readonly unknown[] = [undefined, 'ID', 'Bearer', 'JWT'];

function checkKind({ payload, type }: VerifiedJwt): void {
  if (type !== 'at+jwt' && !PAYLOAD_TYPES.includes(payload['typ'])) {
    throw new IdentityError('claims', 'the token is neither an ID token nor an access token');
  }
  // RFC 9068 2.2
  if (type === 'at+jwt' && (typeof payload['client_id'] !== 'string' || typeof payload.jti !== 'string')) {
    throw new IdentityError('claims', 'the access token has no client_id or jti');
  }
}

function personName(claims: Readonly<Record<string, unknown>>, usernameClaim: string): string {
  const name = claimAt(claims, usernameClaim);
  if (typeof name !== 'string' || name === '') {
    throw new IdentityError(
      'claims',
      `the token has no claim ${usernameClaim} that names the person; check usernameClaim and the scopes of the login`,
    );
  }
  if (name.length > NAME_CHARACTERS || !isPlainText(name)) {
    throw new IdentityError('claims', `the name of the person is longer than ${NAME_CHARACTERS} characters or contains control characters`);
  }
  // An address that nobody verified may be somebody else's.
  if (usernameClaim === 'email' && claims['email_verified'] === false) {
    throw new IdentityError('claims', 'the e-mail address of the person is not verified at the provider');
  }
  return name;
}

/** Verifies tokens of one OpenID Connect provider: its discovery document and keys are fetched at first use and kept up to date. */
export function createOidcVerifier(options: OidcVerifierOptions): OidcVerifier {
  const clock = options.clock ?? Date.now;
  const { issuer, groupsClaim, usernameClaim } = options;
  const provider = new DiscoveredProvider(issuer, clock);
  const audience = [...options.audiences];
  const rules = { keys: provider.keys, issuer, audience, algorithms: ALGORITHMS, types: TYPES, required: ['sub', 'aud'], clock };
  const verified = new TokenCache<VerifiedPrincipal>(VERIFIED_TOKENS);

  async function read(token: string): Promise<VerifiedPrincipal> {
    const jwt = await verifyJwt(token, rules);
    checkKind(jwt);
    const { payload } = jwt;
    const sub = payload.sub!;
    if (sub === '' || sub.length > NAME_CHARACTERS || !isPlainText(sub))
      throw new IdentityError('claims', 'the subject of the token is not usable');
    const name = personName(payload, usernameClaim);
    const reference = groupsOverage(payload, groupsClaim);
    const groups = reference ? await provider.groups(reference, token, sub, groupsClaim) : groupsFrom(claimAt(payload, groupsClaim));
    return { principal: { iss: issuer, sub, name, groups, authn: 'oidc' }, expires: payload.exp };
  }

  return {
    issuer,
    async verify(token) {
      const key = TokenCache.key(token);
      const now = clock() / 1000;
      const known = verified.get(key, now);
      if (known) return known;
      const result = await read(token);
      verified.set(key, result, Math.min(result.expires, now + VERIFIED_SECONDS));
      return result;
    },
  };
}
