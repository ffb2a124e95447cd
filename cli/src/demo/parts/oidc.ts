/** A real OpenID Connect provider for the demo and for tests, on a free port of the loopback. */
import { generateKeyPair, type JsonWebKey } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import type Provider from 'oidc-provider';
import { DEMO_AUDIENCE, oidcConfiguration, type OidcClient, type OidcUser } from './oidc-configuration.js';
import { login, type LoginTokens } from './oidc-login.js';
import { serveLogin } from './oidc-login-page.js';

export interface OidcProviderOptions {
  users?: readonly OidcUser[];
  clients?: readonly OidcClient[];
  /** 0, the default, takes a free one. */
  port?: number;
  /** Default 127.0.0.1; the issuer names it. */
  host?: string;
  /** Told the provider's own failures. */
  failed?: (error: Error) => void;
}

export interface OidcProvider {
  readonly issuer: string;
  /** Logs a person in, by the whole name or the part before `@`. */
  login(who: { user: string; client?: string }): Promise<LoginTokens>;
  /** Signs with a new key from now on; the old one stays published. */
  rotate(): Promise<void>;
  close(): Promise<void>;
}

export const DEMO_USERS: readonly OidcUser[] = [
  { name: 'alice@example.com', groups: ['analysts'] },
  { name: 'bob@example.com', groups: ['db-owners'] },
  { name: 'carol@example.com', groups: ['db-owners', 'cairn-admins'] },
];
const DEMO_CLIENTS: readonly OidcClient[] = [{ id: DEMO_AUDIENCE }];

/**
 * The library says on the console that its storage forgets at the end and that it prefers a later Node: both are known
 * here (docs/decisions/0023-the-demos-login.md) and would stand between the demo's own lines.
 */
async function withoutNotices<Result>(run: () => Result | Promise<Result>): Promise<Result> {
  const { warn } = console;
  console.warn = (...words: unknown[]) => {
    if (!String(words[0]).includes('oidc-provider')) warn(...words);
  };
  try {
    return await run();
  } finally {
    console.warn = warn;
  }
}

async function signingJwk(): Promise<JsonWebKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
}

export async function startOidcProvider(options: OidcProviderOptions = {}): Promise<OidcProvider> {
  const { users = DEMO_USERS, clients = DEMO_CLIENTS, port = 0, host = '127.0.0.1' } = options;
  let keys = [await signingJwk()];
  let provider: Provider;
  let serveProvider: (request: IncomingMessage, response: ServerResponse) => Promise<void>;

  const server = createServer((request, response) => {
    serveLogin(provider, users, request, response)
      .then((served) => (served ? undefined : serveProvider(request, response)))
      .catch((error: unknown) => {
        options.failed?.(error as Error);
        if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain' });
        response.end('the login has expired; start again\n');
      });
  });
  await new Promise<void>((resolve, reject) => void server.once('error', reject).listen(port, host, resolve));
  const issuer = `http://${host}:${(server.address() as AddressInfo).port}`;

  const serve = async (): Promise<void> => {
    const library = await withoutNotices(() => import('oidc-provider'));
    provider = await withoutNotices(
      () =>
        new library.default(
          issuer,
          oidcConfiguration(users, clients, keys, () => provider),
        ),
    );
    provider.on('server_error', (_context, error) => options.failed?.(error));
    serveProvider = provider.callback();
  };
  await serve();

  return {
    issuer,
    async login({ user, client = clients[0]!.id }) {
      const person = users.find(({ name }) => name === user || name.split('@')[0] === user);
      if (!person) throw new Error(`${user} is nobody whom the provider knows`);
      const [redirectUri] = clients.find(({ id }) => id === client)?.redirectUris ?? [];
      return login({ issuer, client, name: person.name, password: person.password ?? 'password', ...(redirectUri ? { redirectUri } : {}) });
    },
    async rotate() {
      keys = [await signingJwk(), ...keys].slice(0, 2);
      await serve();
    },
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
