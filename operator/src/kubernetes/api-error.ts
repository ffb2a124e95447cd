/** What the API server, or the way to it, refused. */

/** Reasons of our own beside those of metav1.Status. */
export type LocalReason = 'Unreachable' | 'Timeout' | 'Aborted' | 'ResponseTooLarge' | 'RequestTooLarge' | 'BadResponse';

export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when no answer arrived. */
    readonly status: number,
    /** As in metav1.Status (NotFound, Conflict, Expired, ...), or one of our own. */
    readonly reason: string,
    /** A sentence: what was asked and why it failed. */
    message: string,
    /** Where the server said when to come again. */
    readonly retryAfterSeconds?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ApiError';
  }
}

interface Status {
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number };
}

const REASONS: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function statusOf(text: string): Status {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    // A proxy's page, or nothing.
    return {};
  }
}

export function answerError(asked: string, status: number, text: string, retryAfter: string | undefined): ApiError {
  const { reason, message, details } = statusOf(text);
  const seconds = details?.retryAfterSeconds ?? Number(retryAfter ?? Number.NaN);
  const said = message ?? 'the answer says no more';
  const why = reason ?? REASONS[status] ?? 'Unknown';
  return new ApiError(status, why, `${asked}: ${said} (${status} ${why})`, Number.isFinite(seconds) ? seconds : undefined);
}

export function localError(asked: string, reason: LocalReason, what: string, cause?: unknown): ApiError {
  return new ApiError(0, reason, `${asked}: ${what}`, undefined, { cause });
}

/** Whether an error is the API server's with this status. */
export function hasStatus(error: unknown, status: number): error is ApiError {
  return error instanceof ApiError && error.status === status;
}
