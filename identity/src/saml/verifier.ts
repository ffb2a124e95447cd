import { hash } from 'node:crypto';
import type { SamlProviderSpec } from '@cairn/crds';
import { NAME_CHARACTERS } from '../limits.js';
import { groupsFrom, isPlainText } from '../oidc-groups.js';
import { IdentityError, type Principal } from '../types.js';
import { readAssertion, type AssertionClaims } from './assertion.js';
import type { SamlMessage } from './message.js';
import { DescribedProvider, type SamlMetadata } from './metadata.js';
import type { OneTimeUse } from './replays.js';
import { verifiedAssertion } from './signature.js';

export interface SamlVerifierOptions extends SamlProviderSpec {
  replays: OneTimeUse;
  /** Addresses of our own that assertions may be delivered to, such as the token endpoint (RFC 7522 3, item 5). */
  endpoints?: readonly string[];
  /** Milliseconds. */
  clock?: () => number;
}

export interface VerifiedAssertion {
  principal: Principal;
  /** Unique at its issuer. */
  id: string;
  /** Seconds since the epoch. */
  issued: number;
  /** Seconds since the epoch: when the session at the provider ends, where it says so. */
  sessionEnd: number | undefined;
}

export interface SamlVerifier {
  /** The provider's entity ID, from its metadata. Throws IdentityError `unavailable`. */
  issuer(): Promise<string>;
  /** Where a login begins (HTTP-Redirect). Throws IdentityError `unavailable`. */
  login(): Promise<string>;
  /** Verifies and uses up an assertion. `inResponseTo`: the id of the request that was made. Throws IdentityError. */
  verify(message: SamlMessage, inResponseTo?: string): Promise<VerifiedAssertion>;
}

/** Path of the assertion consumer service that `cairn launch` opens on the loopback (as RFC 8252 7.3 has it for OAuth). */
export const LOOPBACK_ACS = '/saml/acs';
const LOOPBACK = new RegExp(`^http://(127\\.0\\.0\\.1|\\[::1\\]):\\d{1,5}${LOOPBACK_ACS}$`);

function nameOf({ nameId, attributes }: AssertionClaims, usernameAttribute: string | undefined): string {
  if (usernameAttribute === undefined) return nameId;
  const [name, second] = attributes.get(usernameAttribute) ?? [];
  if (!name || second !== undefined || name.length > NAME_CHARACTERS || !isPlainText(name)) {
    throw new IdentityError('claims', `the assertion has no single usable attribute ${usernameAttribute}; check usernameAttribute`);
  }
  return name;
}

/** Verifies assertions of one SAML 2.0 identity provider, each once. */
export function createSamlVerifier(options: SamlVerifierOptions): SamlVerifier {
  const clock = options.clock ?? Date.now;
  const provider = new DescribedProvider(options.metadata, clock);
  const known = new Set([...options.recipients, ...(options.endpoints ?? [])]);
  const accepts = (recipient: string): boolean => known.has(recipient) || LOOPBACK.test(recipient);

  /** A change of the provider's key shows first in a signature that does not hold. */
  async function signed(message: SamlMessage): Promise<{ assertion: Element; metadata: SamlMetadata }> {
    const metadata = await provider.get();
    try {
      return { assertion: await verifiedAssertion(message, metadata.certificates), metadata };
    } catch (error) {
      const renewed = await provider.renewed();
      if (!renewed || renewed.certificates.join() === metadata.certificates.join()) throw error;
      return { assertion: await verifiedAssertion(message, renewed.certificates), metadata: renewed };
    }
  }

  async function useUp(issuer: string, { id, expires }: AssertionClaims): Promise<void> {
    const key = hash('sha256', `${issuer}\n${id}`, 'hex');
    if (await options.replays.use(key, expires)) return;
    throw new IdentityError('replayed', 'the assertion was used already, and is good for one use; log in again');
  }

  return {
    issuer: async () => (await provider.get()).entityId,
    async login() {
      const { login } = await provider.get();
      if (login === undefined) throw new IdentityError('unavailable', 'the SAML metadata names no login by HTTP-Redirect');
      return login;
    },
    async verify(message, inResponseTo) {
      const { assertion, metadata } = await signed(message);
      const rules = { issuer: metadata.entityId, audience: options.entityId, accepts, now: clock() / 1000 };
      const claims = readAssertion(assertion, inResponseTo === undefined ? rules : { ...rules, inResponseTo });
      const name = nameOf(claims, options.usernameAttribute);
      const groups = groupsFrom([...(claims.attributes.get(options.groupsAttribute) ?? [])]);
      await useUp(metadata.entityId, claims);
      const principal: Principal = { iss: metadata.entityId, sub: claims.nameId, name, groups, authn: 'saml' };
      return { principal, id: claims.id, issued: claims.issued, sessionEnd: claims.sessionEnd };
    },
  };
}
