/** The parameters of a token exchange request (RFC 8693 2.1) and the errors of its endpoint (RFC 6749 5.2). */
import { CAIRN_AUDIENCE } from '@cairn/identity';

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
export const TXN_TOKEN_TYPE = `${TOKEN_TYPE}txn_token`;
export const ACCESS_TOKEN_TYPE = `${TOKEN_TYPE}access_token`;
/** A pod renews its own launch token. */
export const RENEW_SCOPE = 'renew';

export class OAuthError extends Error {
  constructor(
    readonly error: 'invalid_request' | 'invalid_target' | 'invalid_scope' | 'unsupported_grant_type' | 'temporarily_unavailable',
    message: string,
    /** Code of the IdentityError behind it. */
    readonly code?: string,
  ) {
    super(message);
    this.name = 'OAuthError';
  }
}

export interface SubjectToken {
  subjectToken: string;
  /** `jwt`: told by the token's own header. `assertion`: SAML 2.0, base64url. */
  subjectType: 'person' | 'launch' | 'assertion' | 'jwt';
}

/** A pod's sidecar asks for its launch token. */
export interface LaunchRequest extends SubjectToken {
  requested: 'launch';
  actorToken: string;
  renew: boolean;
}

/** A person asks for an access token of ours, which agents and the operator are called with. */
export interface PersonRequest extends SubjectToken {
  requested: 'person';
}

const SUBJECT_TYPES: Record<string, SubjectToken['subjectType']> = {
  [`${TOKEN_TYPE}id_token`]: 'person',
  [ACCESS_TOKEN_TYPE]: 'person',
  [`${TOKEN_TYPE}saml2`]: 'assertion',
  [TXN_TOKEN_TYPE]: 'launch',
  [`${TOKEN_TYPE}jwt`]: 'jwt',
};

function read(form: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = form[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new OAuthError('invalid_request', `${name} may appear only once`);
}

function required(form: Readonly<Record<string, unknown>>, name: string): string {
  const value = read(form, name);
  if (value === undefined) throw new OAuthError('invalid_request', `${name} is missing`);
  return value;
}

function checkTarget(form: Readonly<Record<string, unknown>>): void {
  const audience = read(form, 'audience');
  if (audience !== undefined && audience !== CAIRN_AUDIENCE)
    throw new OAuthError('invalid_target', `the only audience of launch tokens is ${CAIRN_AUDIENCE}`);
  if (read(form, 'resource') !== undefined) throw new OAuthError('invalid_target', 'launch tokens are not for a single resource');
}

function subjectOf(form: Readonly<Record<string, unknown>>): SubjectToken {
  const subjectType = SUBJECT_TYPES[required(form, 'subject_token_type')];
  if (!subjectType) throw new OAuthError('invalid_request', 'subject_token_type must be id_token, access_token, saml2, jwt or txn_token');
  return { subjectToken: required(form, 'subject_token'), subjectType };
}

export function readExchange(body: unknown): LaunchRequest | PersonRequest {
  const form = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (required(form, 'grant_type') !== EXCHANGE) throw new OAuthError('unsupported_grant_type', `the only grant type here is ${EXCHANGE}`);
  const requested = read(form, 'requested_token_type') ?? TXN_TOKEN_TYPE;
  if (requested !== TXN_TOKEN_TYPE && requested !== ACCESS_TOKEN_TYPE)
    throw new OAuthError('invalid_request', `requested_token_type must be ${TXN_TOKEN_TYPE} or ${ACCESS_TOKEN_TYPE}`);
  checkTarget(form);
  const subject = subjectOf(form);
  const scope = read(form, 'scope');
  if (scope !== undefined && scope !== RENEW_SCOPE) throw new OAuthError('invalid_scope', `the only scope here is ${RENEW_SCOPE}`);
  if (requested === ACCESS_TOKEN_TYPE) return { ...subject, requested: 'person' };
  if (required(form, 'actor_token_type') !== `${TOKEN_TYPE}jwt`)
    throw new OAuthError('invalid_request', `actor_token_type must be ${TOKEN_TYPE}jwt`);
  return { ...subject, requested: 'launch', actorToken: required(form, 'actor_token'), renew: scope === RENEW_SCOPE };
}
