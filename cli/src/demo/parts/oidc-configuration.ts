import { randomBytes, type JsonWebKey } from 'node:crypto';
import type Provider from 'oidc-provider';

export interface OidcUser {
  /** Subject; default: the part of the name before `@`. */
  sub?: string;
  /** What the person types at login, and the claims email and preferred_username. */
  name: string;
  groups: readonly string[];
  /** Default: `password`. */
  password?: string;
}

export interface OidcClient {
  id: string;
  /** Default: loopback on any port (RFC 8252 7.3). */
  redirectUris?: readonly string[];
}

/** What an access token is asked for; its audience is `cairn`. */
export const DEMO_RESOURCE = 'urn:cairn.dev:agents';
export const DEMO_AUDIENCE = 'cairn';
export const DEMO_REDIRECT = 'http://127.0.0.1/callback';
const TOKEN_SECONDS = 3600;
const LOGIN_SECONDS = 600;

export const subjectOf = (user: OidcUser): string => user.sub ?? user.name.split('@')[0]!;

/** Claims of a person, as ID tokens, access tokens and userinfo carry them. */
export function claimsOf(user: OidcUser): Record<string, unknown> {
  return { email: user.name, email_verified: true, preferred_username: user.name, name: user.name, groups: user.groups };
}

function publicClient(client: OidcClient): object {
  return {
    client_id: client.id,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: client.redirectUris ?? [DEMO_REDIRECT],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    id_token_signed_response_alg: 'RS256',
  };
}

/** Everything that a client of ours asks for is granted without a consent page: the demo's people consented by reading its README. */
function grantAll(provider: () => Provider): (context: GrantContext) => Promise<unknown> {
  return async ({ oidc }) => {
    const grant = new (provider().Grant)({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
    grant.addOIDCScope('openid email profile groups offline_access');
    grant.addResourceScope(DEMO_RESOURCE, 'openid email profile groups');
    await grant.save();
    return grant;
  };
}

interface GrantContext {
  oidc: { session: { accountId: string }; client: { clientId: string } };
}

const page = (title: string, body: string): string => `<!doctype html><title>${title}</title><h1>${title}</h1>${body}`;

interface DevicePage {
  body: string;
}

const deviceFlow = {
  enabled: true,
  userCodeInputSource: (context: DevicePage, form: string) => {
    context.body = page('Enter your code', `${form}<button type="submit" form="op.deviceInputForm">Continue</button>`);
  },
  userCodeConfirmSource: (context: DevicePage, form: string) => {
    context.body = page('Is this you?', `${form}<button type="submit" form="op.deviceConfirmForm">Yes</button>`);
  },
  successSource: (context: DevicePage) => {
    context.body = page('Done', 'You may close this window.');
  },
};

const resourceIndicators = {
  enabled: true,
  defaultResource: () => undefined,
  useGrantedResource: () => true,
  getResourceServerInfo: () => ({
    scope: 'openid email profile groups',
    audience: DEMO_AUDIENCE,
    accessTokenTTL: TOKEN_SECONDS,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'RS256' } },
  }),
};

/** Configuration of a real provider for few people: RS256, PKCE, JWT access tokens by resource, groups in every token. */
export function oidcConfiguration(
  users: readonly OidcUser[],
  clients: readonly OidcClient[],
  keys: readonly JsonWebKey[],
  provider: () => Provider,
): object {
  const bySubject = new Map(users.map((user) => [subjectOf(user), user]));
  return {
    clients: clients.map(publicClient),
    jwks: { keys },
    cookies: { keys: [randomBytes(24).toString('base64url')] },
    scopes: ['openid', 'email', 'profile', 'groups', 'offline_access'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    ttl: {
      AccessToken: TOKEN_SECONDS,
      IdToken: TOKEN_SECONDS,
      AuthorizationCode: 60,
      DeviceCode: LOGIN_SECONDS,
      Interaction: LOGIN_SECONDS,
      Session: TOKEN_SECONDS,
      Grant: TOKEN_SECONDS,
      RefreshToken: 24 * TOKEN_SECONDS,
    },
    features: { devInteractions: { enabled: false }, deviceFlow, resourceIndicators },
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    loadExistingGrant: grantAll(provider),
    findAccount: (_context: unknown, sub: string) => {
      const user = bySubject.get(sub);
      return user && { accountId: sub, claims: () => ({ sub, ...claimsOf(user) }) };
    },
    extraTokenClaims: (_context: unknown, token: { accountId?: string }) => {
      const user = bySubject.get(token.accountId ?? '');
      return user && claimsOf(user);
    },
  };
}
