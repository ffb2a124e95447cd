/** Grants, minted and verified with the installation's own keys, and references signed with keys that it certified. */
import { createReferenceVerifier, type LaunchReference } from '@cairn/audit';
import { createGrantVerifier, mintGrant, type Grant, type VerifiedGrant } from '@cairn/identity';
import type { KeyRing } from '../service/index.js';

export interface GrantSigner {
  /** `id` is unique for the stamp. */
  mint(grant: Grant, id: string, lifetimeSeconds: number): Promise<string>;
  /** Throws IdentityError. */
  verify(token: string): Promise<VerifiedGrant>;
  /** Throws IdentityError. */
  verifyReference(token: string): Promise<LaunchReference>;
}

export function grantSigner(keys: KeyRing, issuer: string, clock: () => number): GrantSigner {
  const verifier = createGrantVerifier({ issuer, jwks: () => keys.jwks(), clock });
  return {
    mint: (grant, id, lifetimeSeconds) => mintGrant(keys.current, grant, { issuer, id, now: Math.floor(clock() / 1000), lifetimeSeconds }),
    verify: (token) => verifier.verify(token),
    verifyReference: createReferenceVerifier({ issuer, jwks: () => keys.jwks(), clock }),
  };
}
