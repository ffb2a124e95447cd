/** Logins at an OpenID Connect provider: authorization code with PKCE over a loopback redirect (RFC 8252), or a device code (RFC 8628). */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { trustedUrl } from '@cairn/identity';
import * as oidc from 'openid-client';
import { LOGIN_MS } from './limits.js';

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

/** Waits for the provider to send the browser back to /callback, once. */
function callback(server: Server, origin: string): Promise<URL> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nobody logged in within ${LOGIN_MS / 60_000} minutes`)), LOGIN_MS);
    server.on('request', (request, response) => {
      const url = new URL(request.url ?? '/', origin);
      response.setHeader('connection', 'close');
      if (url.pathname !== '/callback') {
        response.writeHead(404).end();
        return;
      }
      clearTimeout(timer);
      response
        .writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
        .end('You may close this window.\n');
      resolve(url);
    });
  });
}

export async function loginByBrowser(options: LoginOptions): Promise<string> {
  const config = await discover(options);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
    const start = oidc.buildAuthorizationUrl(config, {
      redirect_uri: `${origin}/callback`,
      scope: options.scope,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...resourceOf(options),
    });
    const returned = callback(server, origin);
    options.show(start.href);
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    return tokenOf(await oidc.authorizationCodeGrant(config, await returned, checks, resourceOf(options)), options);
  } finally {
    server.close();
  }
}

export async function loginByDevice(options: LoginOptions): Promise<string> {
  const config = await discover(options);
  const device = await oidc.initiateDeviceAuthorization(config, { scope: options.scope, ...resourceOf(options) });
  options.show(device.verification_uri_complete ?? device.verification_uri, device.user_code);
  const signal = AbortSignal.timeout(LOGIN_MS);
  return tokenOf(await oidc.pollDeviceAuthorizationGrant(config, device, resourceOf(options), { signal }), options);
}
