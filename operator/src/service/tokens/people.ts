/** Who somebody is by what they present: an OIDC token, a SAML assertion, a token of the API server, or one of ours. */
import { decodeJwt, type JSONWebKeySet } from 'jose';
import type { IdentityProviderSpec } from '@cairn/crds';
import {
  createOidcVerifier,
  createPersonTokenVerifier,
  createSamlVerifier,
  groupsFrom,
  IdentityError,
  readSamlMessage,
  TokenCache,
  type OidcVerifier,
  type OneTimeUse,
  type PersonTokenVerifier,
  type PodReference,
  type Principal,
  type SamlVerifier,
} from '@cairn/identity';
import { boundPod, type TokenReviews } from '../workloads/index.js';

/** A person, and the login that this was: launches follow from it. */
export interface Person {
  principal: Principal;
  login: string;
  /** Seconds since the epoch. */
  issued: number;
  /** Seconds since the epoch. */
  expires: number;
}

export interface PeopleOptions {
  /** The same array until one of them changes. */
  providers: () => readonly IdentityProviderSpec[];
  replays: OneTimeUse;
  issuer: () => string;
  jwks: () => JSONWebKeySet;
  reviews?: TokenReviews | undefined;
  /** Whether a pod is an agent, which acts by its chain and is nobody by itself. */
  isAgent: (pod: PodReference) => Promise<boolean>;
  /** Told of a provider that cannot be used at all. */
  failed: (error: Error) => void;
  /** Milliseconds. */
  clock: () => number;
}

interface Verifiers {
  specs: readonly IdentityProviderSpec[] | undefined;
  oidc: Map<string, OidcVerifier>;
  saml: SamlVerifier[];
}

/** Longest that an assertion's person may be given a token for, where the provider says nothing of its session. */
const FOREVER = Number.MAX_SAFE_INTEGER;

/** What a JWT claims; nothing of it is believed before verification. */
function claimsOf(token: string): Record<string, unknown> {
  try {
    return decodeJwt(token);
  } catch {
    return {};
  }
}

export class People {
  readonly #kept = new Map<string, { oidc: OidcVerifier } | { saml: SamlVerifier }>();
  #current: Verifiers = { specs: undefined, oidc: new Map(), saml: [] };
  #own: { issuer: string; verifier: PersonTokenVerifier } | undefined;

  constructor(private readonly options: PeopleOptions) {}

  /** Whether a bearer token claims to be a person's, rather than a pod's own. */
  knows(token: string): boolean {
    const { iss } = claimsOf(token);
    return typeof iss === 'string' && (iss === this.options.issuer() || this.#verifiers().oidc.has(iss));
  }

  /** By an OIDC token, or by an access token of the token service. Throws IdentityError. */
  async byToken(token: string): Promise<Person> {
    const { iss, iat } = claimsOf(token);
    const verifier = iss === this.options.issuer() ? this.#ownTokens() : this.#verifiers().oidc.get(String(iss));
    if (!verifier) throw new IdentityError('issuer', 'the token is not of an identity provider that is configured here');
    return { ...(await verifier.verify(token)), login: TokenCache.key(token), issued: iat as number };
  }

  /** By a SAML 2.0 assertion, which is used up. Throws IdentityError. */
  async byAssertion(text: string): Promise<Person> {
    const message = await readSamlMessage(text);
    const verifier = await this.#samlOf(message.claimedIssuer);
    const { principal, id, issued, sessionEnd } = await verifier.verify(message);
    return { principal, login: TokenCache.key(id, principal.iss), issued: Math.floor(issued), expires: sessionEnd ?? FOREVER };
  }

  /** Whether a JWT has the form of a service account's token, which only the API server can judge. */
  isServiceAccountToken(token: string): boolean {
    return this.options.reviews !== undefined && !this.knows(token) && claimsOf(token)['kubernetes.io'] !== undefined;
  }

  /** By a token for our audience that the API server vouches for. Throws IdentityError. */
  async byReview(token: string): Promise<Person> {
    const { reviews } = this.options;
    if (!reviews) throw new IdentityError('issuer', 'tokens of a cluster are not accepted here');
    const user = await reviews.userOf(token);
    const pod = boundPod(user);
    if (pod && (await this.options.isAgent(pod))) {
      throw new IdentityError(
        'claims',
        `pod ${pod.namespace}/${pod.name} is an agent: it acts by the launch that it belongs to, not as itself`,
      );
    }
    const { username, uid, groups } = user;
    const principal: Principal = {
      iss: 'kubernetes',
      sub: uid ?? username,
      name: username,
      groups: groupsFrom(groups),
      authn: 'kubernetes',
    };
    const { iat, exp } = claimsOf(token) as { iat?: number; exp?: number };
    const now = Math.floor(this.options.clock() / 1000);
    return { principal, login: TokenCache.key(token), issued: iat ?? now, expires: exp ?? now };
  }

  #ownTokens(): PersonTokenVerifier {
    const { issuer, jwks, clock } = this.options;
    if (this.#own?.issuer !== issuer()) {
      this.#own = { issuer: issuer(), verifier: createPersonTokenVerifier({ issuer: issuer(), jwks, clock }) };
    }
    return this.#own.verifier;
  }

  async #samlOf(issuer: string): Promise<SamlVerifier> {
    let failure: unknown = new IdentityError('issuer', 'the assertion is not of an identity provider that is configured here');
    for (const verifier of this.#verifiers().saml) {
      try {
        if ((await verifier.issuer()) === issuer) return verifier;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Verifiers of the providers as they are now; one whose spec did not change keeps its keys and what it remembers. */
  #verifiers(): Verifiers {
    const specs = this.options.providers();
    if (specs === this.#current.specs) return this.#current;
    const next: Verifiers = { specs, oidc: new Map(), saml: [] };
    const wanted = new Map(specs.map((spec) => [JSON.stringify(spec), spec]));
    for (const key of this.#kept.keys()) if (!wanted.has(key)) this.#kept.delete(key);
    for (const [key, spec] of wanted) {
      const kept = this.#kept.get(key) ?? this.#create(spec);
      if (!kept) continue;
      this.#kept.set(key, kept);
      if ('oidc' in kept) next.oidc.set(kept.oidc.issuer, kept.oidc);
      else next.saml.push(kept.saml);
    }
    return (this.#current = next);
  }

  #create({ oidc, saml }: IdentityProviderSpec): { oidc: OidcVerifier } | { saml: SamlVerifier } | undefined {
    const { clock, replays, issuer } = this.options;
    try {
      if (oidc) return { oidc: createOidcVerifier({ ...oidc, clock }) };
      return { saml: createSamlVerifier({ ...saml, clock, replays, endpoints: [`${issuer()}/oauth2/token`] }) };
    } catch (error) {
      // One provider that cannot be used keeps nobody else out.
      this.options.failed(error as Error);
      return undefined;
    }
  }
}
