/** A person's login without a browser: authorization code and PKCE (RFC 7636), through the provider's real pages. */
import * as oidc from 'openid-client';
import { DEMO_REDIRECT, DEMO_RESOURCE } from './oidc-configuration.js';

export interface LoginTokens {
  idToken: string;
  /** JWT (RFC 9068) for the audience `cairn`. */
  accessToken: string;
  refreshToken?: string;
  expiresIn: number;
}

export interface LoginOptions {
  issuer: string;
  client: string;
  name: string;
  password: string;
  redirectUri?: string;
}

/** More redirects than a login needs are a loop. */
const REDIRECTS_LIMIT = 10;

interface Page {
  status: number;
  location: string | null;
  html: string;
}

/** A browser with cookies for one origin. */
class Visitor {
  readonly #cookies = new Map<string, string>();

  async visit(url: URL, form?: URLSearchParams): Promise<Page> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie }, ...(form ? { method: 'POST', body: form } : {}) });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const at = pair!.indexOf('=');
      this.#cookies.set(pair!.slice(0, at), pair!.slice(at + 1));
    }
    return { status: response.status, location: response.headers.get('location'), html: await response.text() };
  }
}

/** Follows the provider from page to page until it redirects to the client; fills in the login form when it appears. */
export async function authorize(start: URL, redirectUri: string, form: URLSearchParams): Promise<URL> {
  const visitor = new Visitor();
  let url = start;
  for (let steps = 0; steps < REDIRECTS_LIMIT; steps++) {
    let page = await visitor.visit(url);
    if (page.status === 200) page = await visitor.visit(url, form);
    if (!page.location) throw new Error(`the login at ${url.origin} ended with status ${page.status}; are name and password right?`);
    url = new URL(page.location, url);
    if (url.href.startsWith(redirectUri)) return url;
  }
  throw new Error(`the login at ${start.origin} redirects without end`);
}

/** What a page asks to be sent back: its hidden inputs, and name and password where it wants a login. */
function filledIn(html: string, person: URLSearchParams): URLSearchParams | undefined {
  const hidden = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]): [string, string] => [
    name!,
    value!,
  ]);
  if (hidden.length > 0) return new URLSearchParams(hidden);
  return html.includes('name="password"') ? person : undefined;
}

/** A person opens the address that a device shows, logs in and says yes (RFC 8628 3.3). */
export async function confirmDevice(start: URL, person: URLSearchParams): Promise<void> {
  const visitor = new Visitor();
  let url = start;
  let page = await visitor.visit(url);
  for (let steps = 0; steps < REDIRECTS_LIMIT; steps++) {
    if (page.location) {
      url = new URL(page.location, url);
      page = await visitor.visit(url);
      continue;
    }
    const form = filledIn(page.html, person);
    if (!form) return;
    const [, action] = /<form [^>]*action="([^"]+)"/.exec(page.html) ?? [];
    page = await visitor.visit(action ? new URL(action, url) : url, form);
  }
  throw new Error(`the login at ${start.origin} asks without end`);
}

export async function login({ issuer, client, name, password, redirectUri = DEMO_REDIRECT }: LoginOptions): Promise<LoginTokens> {
  const config = await oidc.discovery(new URL(issuer), client, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] });
  const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
  const start = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid email profile groups',
    resource: DEMO_RESOURCE,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  const callback = await authorize(start, redirectUri, new URLSearchParams({ name, password }));
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks, { resource: DEMO_RESOURCE });
  return {
    idToken: tokens.id_token!,
    accessToken: tokens.access_token,
    ...(tokens.refresh_token ? { refreshToken: tokens.refresh_token } : {}),
    expiresIn: tokens.expires_in ?? 0,
  };
}
