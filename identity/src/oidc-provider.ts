import { fetchDocument, parseObject, trustedUrl } from './fetch-json.js';
import { createKeyResolver, type KeyResolver } from './keys.js';
import { claimAt, groupsFrom, type GroupsReference } from './oidc-groups.js';
import { Renewed } from './renewed.js';
import { IdentityError } from './types.js';

interface Discovered {
  keys: KeyResolver;
  jwksUri: string;
  userinfo: string | undefined;
}

/** What a provider's discovery document says. Throws IdentityError. */
export async function discover(issuer: string): Promise<{ jwksUri: string; userinfo: string | undefined }> {
  const url = trustedUrl(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, 'the issuer');
  const document = parseObject((await fetchDocument(url, 'the discovery document')).text, 'the discovery document');
  if (document['issuer'] !== issuer) throw new IdentityError('issuer', `the discovery document of ${issuer} names another issuer`);
  const jwksUri = document['jwks_uri'];
  const userinfo = document['userinfo_endpoint'];
  if (typeof jwksUri !== 'string') throw new IdentityError('unavailable', 'the discovery document names no jwks_uri');
  return { jwksUri, userinfo: typeof userinfo === 'string' ? userinfo : undefined };
}

/** One provider as its discovery document describes it (OpenID Connect Discovery 4), renewed as keys are. */
export class DiscoveredProvider {
  readonly #document: Renewed<Discovered>;
  #last: Discovered | undefined;

  constructor(
    readonly issuer: string,
    readonly clock: () => number,
  ) {
    this.#document = new Renewed(() => this.#discover(), clock);
  }

  readonly keys: KeyResolver = async (header, token) => (await this.#document.get()).keys(header, token);

  async #discover(): Promise<Discovered> {
    const { jwksUri, userinfo } = await discover(this.issuer);
    const same = this.#last?.jwksUri === jwksUri ? this.#last.keys : undefined;
    const keys = same ?? createKeyResolver(jwksUri, this.clock);
    this.#last = { keys, jwksUri, userinfo };
    return this.#last;
  }

  /**
   * Groups that the token only refers to: from the named endpoint, else from userinfo. The person's token is sent to the
   * issuer's own origin and nowhere else. Throws IdentityError `unavailable`.
   */
  async groups(reference: GroupsReference, token: string, subject: string, groupsClaim: string): Promise<string[]> {
    const { userinfo } = await this.#document.get();
    const failures: string[] = [];
    for (const endpoint of [reference.endpoint, userinfo]) {
      if (!endpoint) continue;
      try {
        const url = trustedUrl(endpoint, 'the groups endpoint');
        const bearer = endpoint === reference.endpoint ? (reference.accessToken ?? this.#ownToken(url, token)) : this.#ownToken(url, token);
        return await fetchGroups(url, bearer, subject, groupsClaim);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
    throw new IdentityError(
      'unavailable',
      `the token refers to groups that could not be read: ${failures.join('; ') || 'no endpoint is named'}`,
    );
  }

  #ownToken(url: URL, token: string): string {
    if (url.origin === new URL(this.issuer).origin) return token;
    throw new IdentityError('unavailable', `${url.origin} is not the issuer and would see the token`);
  }
}

async function fetchGroups(url: URL, bearer: string, subject: string, groupsClaim: string): Promise<string[]> {
  const { text } = await fetchDocument(url, 'the groups endpoint', { authorization: `Bearer ${bearer}` });
  const answer = parseObject(text, "the groups endpoint's answer");
  // OIDC Core 5.3.4: an answer about somebody else must not be used.
  if (answer['sub'] !== undefined && answer['sub'] !== subject)
    throw new IdentityError('claims', 'the groups endpoint answered for another subject');
  const groups = claimAt(answer, groupsClaim) ?? answer['value'];
  if (groups === undefined) throw new IdentityError('unavailable', `the groups endpoint at ${url.origin} names no groups`);
  return groupsFrom(groups);
}
