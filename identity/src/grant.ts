import { createKeyResolver, type JwksSource } from './keys.js';
import { CAIRN_AUDIENCE } from './launch-token.js';
import { signJwt, SIGNING_ALGORITHMS, type SigningKey } from './signing.js';
import { IdentityError, type Launch, type Principal } from './types.js';
import { verifyJwt } from './verify-jwt.js';
import type { LaunchNode } from './launch.js';

export const GRANT_TYPE = 'cairn-grant+jwt';

/** The object that was stamped. Its UID does not exist yet at mutating admission, nor does a generated name. */
export interface GrantOwner {
  kind: string;
  /** Name, or the prefix that a name is generated from. */
  name: string;
}

/**
 * What admission stamps on a workload: who created it. A person (`principal`), or an agent's launch (`parent`), which
 * its pods then continue. Good only for pods of that namespace, agent, owner and template.
 */
export interface Grant {
  principal: Principal;
  parent?: { launch: Launch; ancestors: string[] };
  namespace: string;
  /** Name of the agent in that namespace. */
  agent: string;
  /** Absent where nothing was stamped: a launch by API, the demo. */
  owner?: GrantOwner;
  /** `sha256:` and hex over what the pod template runs. */
  template?: string;
}

interface GrantClaims {
  principal: Principal;
  parent?: { launch: Launch; ancestors: string[] };
  workload: { namespace: string; agent: string; owner?: GrantOwner; template?: string };
}

export interface VerifiedGrant extends Grant {
  id: string;
  /** Seconds since the epoch. */
  issued: number;
  /** Seconds since the epoch. */
  expires: number;
}

export interface GrantTerms {
  issuer: string;
  /** Unique: the pod's launch is found by it. */
  id: string;
  /** Seconds since the epoch. */
  now: number;
  lifetimeSeconds: number;
}

export function mintGrant(key: SigningKey, grant: Grant, terms: GrantTerms): Promise<string> {
  const { principal, parent, namespace, agent, owner, template } = grant;
  return signJwt(key, GRANT_TYPE, {
    iss: terms.issuer,
    aud: CAIRN_AUDIENCE,
    sub: principal.sub,
    iat: terms.now,
    nbf: terms.now,
    exp: terms.now + terms.lifetimeSeconds,
    jti: terms.id,
    principal,
    ...(parent ? { parent } : {}),
    workload: { namespace, agent, ...(owner ? { owner } : {}), ...(template ? { template } : {}) },
  });
}

export interface GrantVerifier {
  /** Throws IdentityError. */
  verify(token: string): Promise<VerifiedGrant>;
}

export function createGrantVerifier(options: { issuer: string; jwks: JwksSource; clock?: () => number }): GrantVerifier {
  const clock = options.clock ?? Date.now;
  const rules = {
    keys: createKeyResolver(options.jwks, clock),
    issuer: options.issuer,
    audience: CAIRN_AUDIENCE,
    algorithms: SIGNING_ALGORITHMS,
    types: [GRANT_TYPE],
    required: ['sub', 'jti'],
    clock,
  };
  return {
    async verify(token) {
      const { payload } = await verifyJwt(token, rules);
      const { principal, parent, workload } = payload as unknown as GrantClaims;
      if (!principal?.name || !Array.isArray(principal.groups) || !workload?.namespace || !workload.agent) {
        throw new IdentityError('claims', 'the grant does not name a principal and a workload');
      }
      const { iat: issued, exp: expires } = payload;
      return { id: payload.jti!, principal, ...(parent ? { parent } : {}), ...workload, issued, expires };
    },
  };
}

/** The launch that a grant continues, where an agent created the workload. */
export function grantParent(grant: Grant): LaunchNode | undefined {
  return grant.parent && { root: grant.principal, launch: grant.parent.launch, ancestors: grant.parent.ancestors };
}
