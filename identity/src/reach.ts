/** Asks a provider, once and without a token, for all that verifying its people needs. */
import { trustedUrl } from './fetch-json.js';
import { fetchKeySet } from './keys.js';
import { discover } from './oidc-provider.js';
import { DescribedProvider } from './saml/metadata.js';

export type ReachableProvider = { oidc: { issuer: string }; saml?: never } | { oidc?: never; saml: { metadata: string } };

export interface Reached {
  /** Keys, or certificates, that it signs with. */
  keys: number;
}

/** Throws IdentityError: what could not be had, in a sentence that quotes nothing of the answer. `clock`: milliseconds. */
export async function reachProvider(provider: ReachableProvider, clock: () => number): Promise<Reached> {
  if (provider.oidc) {
    const { jwksUri } = await discover(provider.oidc.issuer);
    const { set } = await fetchKeySet(trustedUrl(jwksUri, 'the JWKS address'));
    return { keys: set.keys.length };
  }
  const { certificates } = await new DescribedProvider(provider.saml.metadata, clock).get();
  return { keys: certificates.length };
}
