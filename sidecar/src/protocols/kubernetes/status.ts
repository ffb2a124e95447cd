/** What an agent is told when its request does not go through: a metav1.Status, which every client of Kubernetes prints well. */
import type { Problem } from '../http/problem.js';

/** metav1.StatusReason by HTTP status. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  429: 'TooManyRequests',
  500: 'InternalError',
  502: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/**
 * A pending approval is answered with 429 and Retry-After: clients of Kubernetes then send the same request again by themselves
 * (client-go ten times), and the one that comes after the approval passes.
 */
function codeOf({ status, code }: Problem): number {
  return code === 'approval-pending' ? 429 : status;
}

function statusObject(problem: Problem): Record<string, unknown> {
  const { detail, members = {}, retryAfter } = problem;
  const code = codeOf(problem);
  const causes = Object.entries(members).map(([field, message]) => ({ reason: `cairn.dev/${field}`, message }));
  const event = members['event'];
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    // kubectl prints the message and nothing else.
    message: `${detail}${event === undefined ? '' : ` (event ${event})`}`,
    reason: REASONS[code] ?? '',
    details: {
      causes: [{ reason: 'cairn.dev/problem', message: problem.code }, ...causes],
      ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
    },
    code,
  };
}

/** The whole response. */
export function answer(problem: Problem, how: { close: boolean; bodiless: boolean }): Buffer {
  const { retryAfter } = problem;
  const code = codeOf(problem);
  const body = JSON.stringify(statusObject(problem));
  const head =
    `HTTP/1.1 ${code} ${REASONS[code] ?? 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
    `Cache-Control: no-cache, private\r\n${code === 401 ? 'WWW-Authenticate: Bearer realm="cairn"\r\n' : ''}` +
    (retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`) +
    `${how.close ? 'Connection: close\r\n' : ''}\r\n`;
  return Buffer.from(how.bodiless ? head : head + body);
}
