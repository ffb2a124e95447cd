import { IdentityError } from '@cairn/identity';
import type { ErrorRequestHandler } from 'express';
import type { ServiceContext } from '../context.js';
import { Problem } from '../http/problem.js';
import { OAuthError } from './form.js';

/** RFC 8693 2.2.2: a token that is invalid or not acceptable by policy is `invalid_request`. */
function oauthError(error: unknown): OAuthError | undefined {
  if (error instanceof OAuthError) return error;
  if (error instanceof Problem && error.status < 500) return new OAuthError('invalid_request', error.message, error.code);
  if (!(error instanceof IdentityError)) return undefined;
  return new OAuthError(error.code === 'unavailable' ? 'temporarily_unavailable' : 'invalid_request', error.message, error.code);
}

export function answerOAuthError(context: ServiceContext): ErrorRequestHandler {
  return (thrown, _request, response, next) => {
    const error = oauthError(thrown);
    if (!error) return next(thrown);
    context.metrics.exchanges.inc({ result: error.error });
    context.log({ level: 'warn', message: 'exchange refused', error: error.error, code: error.code, reason: error.message });
    const status = error.error === 'temporarily_unavailable' ? 503 : 400;
    response.status(status).json({ error: error.error, error_description: error.message, ...(error.code ? { code: error.code } : {}) });
  };
}
