import { randomUUID } from 'node:crypto';
import type { LaunchNode } from './launch.js';
import { signJwt, type SigningKey } from './signing.js';
import type { Act, LaunchClaims, PodReference } from './types.js';

/** draft-ietf-oauth-transaction-tokens. */
export const LAUNCH_TYPE = 'txntoken+jwt';
/** Trust domain of launch tokens, and audience of the workload tokens that sidecars present. */
export const CAIRN_AUDIENCE = 'cairn.dev';

export interface LaunchTokenTerms {
  issuer: string;
  pod: PodReference;
  /** Seconds since the epoch. */
  now: number;
  lifetimeSeconds: number;
  scope?: string;
}

/** RFC 8693 4.1: the outermost actor is the current one. */
function actors(path: readonly string[]): Act {
  const [first, ...rest] = path;
  return rest.reduce<Act>((act, sub) => ({ sub, act }), { sub: first! });
}

/** What a launch token says. Pure but for the token's own id. */
export function launchClaims({ root, launch, ancestors }: LaunchNode, terms: LaunchTokenTerms): LaunchClaims {
  return {
    iss: terms.issuer,
    aud: CAIRN_AUDIENCE,
    iat: terms.now,
    nbf: terms.now,
    exp: terms.now + terms.lifetimeSeconds,
    jti: randomUUID(),
    txn: launch.chain,
    sub: root.sub,
    scope: terms.scope ?? 'agent',
    req_wl: launch.path.at(-1)!,
    act: actors(launch.path),
    chain: {
      id: launch.chain,
      launch: launch.id,
      ...(launch.parent ? { prev: launch.parent } : {}),
      depth: launch.depth,
      path: launch.path,
      ancestors,
    },
    rctx: { iss: root.iss, name: root.name, groups: root.groups, authn: root.authn },
    pod: terms.pod,
  };
}

export function mintLaunchToken(key: SigningKey, claims: LaunchClaims): Promise<string> {
  return signJwt(key, LAUNCH_TYPE, claims);
}
