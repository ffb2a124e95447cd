export * from './types.js';
export * from './headers.js';
export {
  createGrantVerifier,
  GRANT_TYPE,
  grantParent,
  mintGrant,
  type Grant,
  type GrantOwner,
  type GrantTerms,
  type GrantVerifier,
  type VerifiedGrant,
} from './grant.js';
export { trustedUrl } from './fetch-json.js';
export { ON_BEHALF_OF, podUri, readPodUri, type PodBinding } from './pod-certificate.js';
export { createKeyResolver, type JwksSource, type KeyResolver } from './keys.js';
export { firstLaunch, nextLaunch, type ChainLimits, type LaunchNode } from './launch.js';
export { CAIRN_AUDIENCE, LAUNCH_TYPE, launchClaims, mintLaunchToken, type LaunchTokenTerms } from './launch-token.js';
export { createLaunchVerifier, type LaunchVerifier, type LaunchVerifierOptions } from './launch-verifier.js';
export { createOidcVerifier, type OidcVerifier, type OidcVerifierOptions, type VerifiedPrincipal } from './oidc.js';
export { groupsFrom } from './oidc-groups.js';
export { reachProvider, type ReachableProvider, type Reached } from './reach.js';
export { createPersonTokenVerifier, mintPersonToken, type PersonTokenTerms, type PersonTokenVerifier } from './person-token.js';
export { RevocationList, type Revocation } from './revocation.js';
export * from './saml/index.js';
export {
  generateSigningJwk,
  generateSigningKey,
  importSigningKey,
  SIGNING_ALGORITHMS,
  signJwt,
  type SigningAlgorithm,
  type SigningKey,
} from './signing.js';
export { TokenCache } from './token-cache.js';
export { derivedUuidv7, uuidv7, uuidv7Time } from './uuid.js';
export { verifyJwt, type JwtRules, type VerifiedJwt } from './verify-jwt.js';
export {
  createWorkloadVerifier,
  mintWorkloadToken,
  type Workload,
  type WorkloadVerifier,
  type WorkloadVerifierOptions,
} from './workload.js';
