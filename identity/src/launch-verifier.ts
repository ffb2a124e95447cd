import { createKeyResolver, type JwksSource } from './keys.js';
import { CAIRN_AUDIENCE, LAUNCH_TYPE } from './launch-token.js';
import { CHAIN_DEPTH, VERIFIED_TOKENS } from './limits.js';
import type { RevocationList } from './revocation.js';
import { SIGNING_ALGORITHMS } from './signing.js';
import { TokenCache } from './token-cache.js';
import { IdentityError, type LaunchClaims, type PodReference, type VerifiedLaunch } from './types.js';
import { verifyJwt } from './verify-jwt.js';

export interface LaunchVerifierOptions {
  issuer: string;
  jwks: JwksSource;
  /** Default `cairn.dev`. */
  audience?: string;
  revocations?: Pick<RevocationList, 'revokes'>;
  /** Milliseconds. */
  clock?: () => number;
}

export interface LaunchVerifier {
  /** Throws IdentityError. A token that held is remembered by its hash until it expires; revocation is asked every time. */
  verify(token: string): Promise<VerifiedLaunch>;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

export function isPodReference(value: unknown): value is PodReference {
  const pod = value as PodReference | undefined;
  return typeof pod === 'object' && pod !== null && isText(pod.namespace) && isText(pod.name) && isText(pod.uid);
}

function chainHolds(chain: LaunchClaims['chain'] | undefined): boolean {
  if (!chain || !isText(chain.id) || !isText(chain.launch) || !isTexts(chain.path) || !isTexts(chain.ancestors)) return false;
  const { depth, path, ancestors } = chain;
  if (!Number.isInteger(depth) || depth < 1 || depth > CHAIN_DEPTH) return false;
  return (
    path.length === depth &&
    ancestors.length === depth - 1 &&
    ancestors.at(-1) === chain.prev &&
    (ancestors[0] ?? chain.launch) === chain.id
  );
}

function verifiedLaunch(claims: LaunchClaims): VerifiedLaunch {
  const { chain, rctx } = claims;
  const rootHolds = rctx && isText(rctx.iss) && isText(rctx.name) && isTexts(rctx.groups) && isText(rctx.authn);
  if (!chainHolds(chain) || !rootHolds || !isPodReference(claims.pod)) {
    throw new IdentityError('claims', 'the launch token does not describe a launch');
  }
  return {
    root: { iss: rctx.iss, sub: claims.sub, name: rctx.name, groups: rctx.groups, authn: rctx.authn },
    launch: { id: chain.launch, chain: chain.id, ...(chain.prev ? { parent: chain.prev } : {}), depth: chain.depth, path: chain.path },
    ancestors: chain.ancestors,
    pod: { namespace: claims.pod.namespace, name: claims.pod.name, uid: claims.pod.uid },
    expires: claims.exp,
  };
}

/** Verifies launch tokens (typ `txntoken+jwt`) of one token service. */
export function createLaunchVerifier(options: LaunchVerifierOptions): LaunchVerifier {
  const clock = options.clock ?? Date.now;
  const rules = {
    keys: createKeyResolver(options.jwks, clock),
    issuer: options.issuer,
    audience: options.audience ?? CAIRN_AUDIENCE,
    algorithms: SIGNING_ALGORITHMS,
    types: [LAUNCH_TYPE],
    required: ['sub', 'jti', 'txn'],
    clock,
  };
  const verified = new TokenCache<VerifiedLaunch>(VERIFIED_TOKENS);

  async function read(token: string, key: string): Promise<VerifiedLaunch> {
    const { payload } = await verifyJwt(token, rules);
    const launch = verifiedLaunch(payload as unknown as LaunchClaims);
    verified.set(key, launch, launch.expires);
    return launch;
  }

  return {
    async verify(token) {
      const key = TokenCache.key(token);
      const launch = verified.get(key, clock() / 1000) ?? (await read(token, key));
      if (options.revocations?.revokes(launch)) throw new IdentityError('revoked', 'the launch, or one above it, was revoked');
      return launch;
    },
  };
}
