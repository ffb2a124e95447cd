/** Where people log in, outside of the cluster. */
import { startOidcProvider } from '@cairn/cli';
import { Browser, OIDC_CLIENT, startKeycloak, type Person } from '../../harness/keycloak/index.js';
import { cairnLaunch } from '../../keycloak/stand.js';

export interface Provider {
  readonly issuer: string;
  /** A token that agents take. */
  login(person: Person): Promise<string>;
  stop(): Promise<void>;
}

/** `oidc-provider` starts at once and needs no Java; people log in at Keycloak with `cairn launch` and a browser. */
export type ProviderKind = 'keycloak' | 'oidc-provider';

export function startProvider(kind: ProviderKind, host: string): Promise<Provider> {
  switch (kind) {
    case 'keycloak':
      return keycloak(host);
    case 'oidc-provider':
      return small(host);
  }
}

async function keycloak(host: string): Promise<Provider> {
  const server = await startKeycloak(host);
  const words = ['--issuer', server.issuer, '--client', OIDC_CLIENT, '--scope', 'openid email profile'];
  return {
    issuer: server.issuer,
    login: (person) => cairnLaunch(words, (url) => inBrowser(person, url)),
    stop: () => server.stop(),
  };
}

/** What the person does who is shown this address. */
async function inBrowser(person: Person, url: string): Promise<void> {
  const { url: back } = await new Browser(person).login(url, new URL(url).searchParams.get('redirect_uri')!);
  const response = await fetch(back);
  if (!response.ok) throw new Error(`the login ended with ${response.status}: ${await response.text()}`);
}

async function small(host: string): Promise<Provider> {
  const server = await startOidcProvider({ host });
  return {
    issuer: server.issuer,
    login: async (person) => (await server.login({ user: person })).accessToken,
    stop: () => server.close(),
  };
}
