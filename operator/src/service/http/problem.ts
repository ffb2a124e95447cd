/** Errors as RFC 9457 problem details; tokens and bodies never appear in them. */
import { IdentityError } from '@cairn/identity';
import type { ErrorRequestHandler, RequestHandler } from 'express';

export class Problem extends Error {
  constructor(
    readonly status: number,
    /** Stable, for programs. */
    readonly code: string,
    /** A sentence that the caller can act on. */
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'Problem';
  }
}

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  429: 'Too many',
  503: 'Not available',
};

function fromIdentity(error: IdentityError): Problem {
  return error.code === 'unavailable' ? new Problem(503, error.code, error.message) : new Problem(401, error.code, error.message);
}

/** body-parser marks its errors with a status and a type; their messages may quote the body. */
function fromParser(error: unknown): Problem | undefined {
  const { status, type } = error as { status?: number; type?: string };
  if (type === 'entity.too.large') return new Problem(413, 'too-large', 'the body is larger than this endpoint takes');
  return status && status >= 400 && status < 500 ? new Problem(status, 'malformed', 'the request cannot be read') : undefined;
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof IdentityError) return fromIdentity(error);
  return fromParser(error) ?? new Problem(500, 'internal', 'the service failed; its log says why', { cause: error });
}

export const notFound: RequestHandler = () => {
  throw new Problem(404, 'not-found', 'there is nothing at this address');
};

export function problemHandler(failed: (error: unknown) => void): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) return next(error);
    const { status, code, message } = problemOf(error);
    if (status === 500) failed(error);
    if (status === 401) response.set('WWW-Authenticate', 'Bearer');
    response
      .status(status)
      .type('application/problem+json')
      .json({ type: 'about:blank', title: TITLES[status] ?? 'Failed', status, detail: message, code });
  };
}
