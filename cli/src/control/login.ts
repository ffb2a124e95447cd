/** Logins at an OpenID Connect provider: authorization code with PKCE over a loopback redirect (RFC 8252), or a device code (RFC 8628). */
import { trustedUrl } from '@cairn/identity';
import * as oidc from 'openid-client';
import { LOGIN_MS } from './limits.js';
import { openLoopback } from './loopback.js';

export interface LoginOptions {
  issuer: string;
  client: string;
  scope: string;
  /** RFC 8707: asks for an access token for it, and that one is the result. Default: the ID token. */
  resource?: string;
  /** Shows the person where to go. */
  show(url: string, code?: string): void;
}

type Tokens = oidc.TokenEndpointResponse;

function discover({ issuer, client }: LoginOptions): Promise<oidc.Configuration> {
  const url = trustedUrl(issuer, 'the issuer');
  return oidc.discovery(url, client, undefined, oidc.None(), url.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : {});
}

function tokenOf(tokens: Tokens, { resource }: LoginOptions): string {
  const token = resource ? tokens.access_token : tokens.id_token;
  if (token) return token;
  throw new Error('the provider gave no ID token; ask for the scope openid');
}

const resourceOf = ({ resource }: LoginOptions): Record<string, string> => (resource ? { resource } : {});

export async function loginByBrowser(options: LoginOptions): Promise<string> {
  const config = await discover(options);
  const loopback = await openLoopback();
  try {
    const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
    const start = oidc.buildAuthorizationUrl(config, {
      redirect_uri: `${loopback.origin}/callback`,
      scope: options.scope,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...resourceOf(options),
    });
    const returned = loopback.returned('/callback', async (_request, url) => url);
    options.show(start.href);
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    return tokenOf(await oidc.authorizationCodeGrant(config, await returned, checks, resourceOf(options)), options);
  } finally {
    loopback.close();
  }
}

/** With PKCE, which RFC 8628 does not name: Keycloak asks for it where a client must use it, others pass it over. */
export async function loginByDevice(options: LoginOptions): Promise<string> {
  const config = await discover(options);
  const verifier = oidc.randomPKCECodeVerifier();
  const device = await oidc.initiateDeviceAuthorization(config, {
    scope: options.scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...resourceOf(options),
  });
  options.show(device.verification_uri_complete ?? device.verification_uri, device.user_code);
  const asked = { code_verifier: verifier, ...resourceOf(options) };
  const signal = AbortSignal.timeout(LOGIN_MS);
  return tokenOf(await oidc.pollDeviceAuthorizationGrant(config, device, asked, { signal }), options);
}
