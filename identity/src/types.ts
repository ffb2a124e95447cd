/** Who set an action in motion, and through which chain of launches. */

export type Authentication = 'oidc' | 'saml' | 'kubernetes';

export interface Principal {
  /** Issuer URL, or `kubernetes` for API server identities. */
  iss: string;
  sub: string;
  /** For people to read: preferred user name or e-mail address, by the provider's usernameClaim. */
  name: string;
  groups: string[];
  authn: Authentication;
}

/** One run of an agent, started by a principal (depth 1) or by another launch (depth n + 1). */
export interface Launch {
  /** UUIDv7. */
  id: string;
  /** Id of the chain's first launch; the Kafka key of everything below it. */
  chain: string;
  parent?: string;
  depth: number;
  /** Agents from the first to this one, each `namespace/name`; its length is `depth`. */
  path: string[];
}

/** A launch with the person at its root: what every event names. */
export interface LaunchIdentity {
  root: Principal;
  launch: Launch;
}

/** RFC 8693 actor claim: the outermost is the current actor. */
export interface Act {
  sub: string;
  act?: Act;
}

export interface PodReference {
  namespace: string;
  name: string;
  uid: string;
}

/** Claims of a launch token: typ `txntoken+jwt` (draft-ietf-oauth-transaction-tokens), signed by the token service. */
export interface LaunchClaims {
  iss: string;
  aud: string;
  iat: number;
  nbf: number;
  exp: number;
  /** Unique per token. */
  jti: string;
  /** Transaction: the chain's id. */
  txn: string;
  /** Subject of the root principal. */
  sub: string;
  scope: string;
  /** The workload that asked: `namespace/agent`. */
  req_wl: string;
  act: Act;
  /** `path` as in Launch; `prev` is the parent launch's id; `ancestors` are the launches above, from the chain's first to `prev`. */
  chain: { id: string; launch: string; prev?: string; depth: number; path: string[]; ancestors: string[] };
  /** Context that the root's authentication gave. */
  rctx: { iss: string; name: string; groups: string[]; authn: Authentication };
  /** The pod that the token was minted for. */
  pod: PodReference;
}

export interface VerifiedLaunch extends LaunchIdentity {
  /** Launches above this one, from the chain's first to the parent: revoking any of them revokes this one. */
  ancestors: string[];
  pod: PodReference;
  /** Seconds since the epoch. */
  expires: number;
}

/** A token that did not hold. `code` is stable; `message` is a sentence without any part of the token. */
export class IdentityError extends Error {
  constructor(
    readonly code:
      | 'malformed'
      | 'algorithm'
      | 'signature'
      | 'unknown-key'
      | 'issuer'
      | 'audience'
      | 'expired'
      | 'not-yet-valid'
      | 'claims'
      | 'replayed'
      | 'revoked'
      | 'depth'
      | 'loop'
      | 'unavailable',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'IdentityError';
  }
}
