/** The parameters of a token exchange request (RFC 8693 2.1) and the errors of its endpoint (RFC 6749 5.2). */
import { CAIRN_AUDIENCE } from '@cairn/identity';

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
export const TXN_TOKEN_TYPE = `${TOKEN_TYPE}txn_token`;
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

export interface ExchangeRequest {
  subjectToken: string;
  /** `jwt`: told by the token's own header. */
  subjectType: 'person' | 'launch' | 'jwt';
  actorToken: string;
  renew: boolean;
}

const SUBJECT_TYPES: Record<string, ExchangeRequest['subjectType']> = {
  [`${TOKEN_TYPE}id_token`]: 'person',
  [`${TOKEN_TYPE}access_token`]: 'person',
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

export function readExchange(body: unknown): ExchangeRequest {
  const form = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (required(form, 'grant_type') !== EXCHANGE) throw new OAuthError('unsupported_grant_type', `the only grant type here is ${EXCHANGE}`);
  const requested = read(form, 'requested_token_type') ?? TXN_TOKEN_TYPE;
  if (requested !== TXN_TOKEN_TYPE) throw new OAuthError('invalid_request', `the only requested_token_type here is ${TXN_TOKEN_TYPE}`);
  checkTarget(form);
  const subjectType = SUBJECT_TYPES[required(form, 'subject_token_type')];
  if (!subjectType) throw new OAuthError('invalid_request', 'subject_token_type must be id_token, access_token, jwt or txn_token');
  if (required(form, 'actor_token_type') !== `${TOKEN_TYPE}jwt`)
    throw new OAuthError('invalid_request', `actor_token_type must be ${TOKEN_TYPE}jwt`);
  const scope = read(form, 'scope');
  if (scope !== undefined && scope !== RENEW_SCOPE) throw new OAuthError('invalid_scope', `the only scope here is ${RENEW_SCOPE}`);
  return {
    subjectToken: required(form, 'subject_token'),
    subjectType,
    actorToken: required(form, 'actor_token'),
    renew: scope === RENEW_SCOPE,
  };
}
