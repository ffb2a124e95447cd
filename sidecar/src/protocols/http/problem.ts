/** What an agent is told when its request does not go through: RFC 9457 problem details, with how to mend it. */
import type { EvidenceError } from '@cairn/audit';
import type { Verdict } from '@cairn/crds';
import type { HoldOutcome } from '../../guard/guard.js';
import type { DialError } from '../protocol.js';
import type { HttpSyntaxError } from './head.js';
import { HEAD_TIMEOUT_MS, MAX_HELD_REQUEST_BYTES } from './limits.js';

export interface Problem {
  status: number;
  /** Last segment of the type URI; stable. */
  code: string;
  detail: string;
  /** Seconds. */
  retryAfter?: number;
  /** Further members of the document. */
  members?: Record<string, string>;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

const TYPE_BASE = 'https://cairn.dev/problems/';

/** The whole response. `bodiless` for HEAD; `close` where the connection ends with it. */
export function answer(problem: Problem, options: { close: boolean; bodiless: boolean }): Buffer {
  const { status, code, detail, retryAfter } = problem;
  const title = TITLES[status] ?? 'Error';
  const body = Buffer.from(JSON.stringify({ type: TYPE_BASE + code, title, status, detail, ...problem.members }));
  const head =
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\nCache-Control: no-store\r\n` +
    (status === 401 ? 'WWW-Authenticate: Bearer realm="cairn"\r\n' : '') + // RFC 9110 15.5.2
    (retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`) +
    (options.close ? 'Connection: close\r\n' : '') +
    '\r\n';
  return options.bodiless ? Buffer.from(head, 'latin1') : Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

const because = (verdict: Verdict): string => (verdict.reason ? `: ${verdict.reason}` : '');

const ruleOf = (verdict: Verdict): string =>
  verdict.rule === undefined ? `policy "${verdict.policy}"` : `rule "${verdict.rule}" of policy "${verdict.policy}"`;

const members = (verdict: Verdict, event: string): Record<string, string> => ({
  event,
  policy: verdict.policy,
  ...(verdict.rule === undefined ? {} : { rule: verdict.rule }),
  ...(verdict.reason === undefined ? {} : { reason: verdict.reason }),
});

export function denied(verdict: Verdict, statement: string, event: string): Problem {
  return {
    status: 403,
    code: 'denied',
    detail: `${ruleOf(verdict)} denies ${statement}${because(verdict)}. Ask for another way, or have the AuditPolicy changed.`,
    members: members(verdict, event),
  };
}

export function unidentified(verdict: Verdict, event: string): Problem {
  return {
    status: 401,
    code: 'unidentified',
    detail:
      `${ruleOf(verdict)} wants to know for whom the agent acts, and nobody is known${because(verdict)}. ` +
      'Launch the agent as a person, or call it with an OIDC token or through the sidecar of another agent.',
    members: members(verdict, event),
  };
}

/** Seconds after which an agent may ask again whether somebody decided. */
const APPROVAL_RETRY_SECONDS = 15;

export function held(verdict: Verdict, outcome: HoldOutcome, event: string): Problem {
  const about = { ...members(verdict, event), approval: outcome.id };
  if (outcome.state === 'unavailable') {
    return { status: 503, code: 'approval-unavailable', detail: outcome.message, retryAfter: APPROVAL_RETRY_SECONDS, members: about };
  }
  if (outcome.state !== 'pending') return { status: 403, code: `approval-${outcome.state}`, detail: outcome.message, members: about };
  return {
    status: 403,
    code: 'approval-pending',
    detail: `${outcome.message} Send the same request again after it was approved (approval ${outcome.id}).`,
    retryAfter: APPROVAL_RETRY_SECONDS,
    members: about,
  };
}

export function noEvidence(error: EvidenceError): Problem {
  return {
    status: 503,
    code: 'no-evidence',
    detail: `Nothing may pass that cannot be recorded: ${error.message}`,
    retryAfter: 5,
    members: { reason: error.code },
  };
}

export function malformed(error: HttpSyntaxError): Problem {
  return { status: error.status, code: error.code, detail: `The request was refused: ${error.message}.` };
}

export function misdirected(asked: string, host: string, port: number): Problem {
  return {
    status: 421,
    code: 'misdirected',
    detail: `This connection leads to ${host}:${port}, the request asks for ${asked}. Open a connection to the host that you ask for.`,
  };
}

function undialled(error: DialError | Error, host: string, port: number): Problem {
  const code = 'code' in error ? error.code : 'unreachable';
  return {
    status: code === 'timeout' ? 504 : 502,
    code: `target-${code}`,
    detail: `${host}:${port} could not be reached: ${error.message}`,
  };
}

/** Why a request that passed the policy could not be sent. */
export function unready(error: Error, to: { host: string; port: number }): Problem {
  return error.name === 'EvidenceError' ? noEvidence(error as EvidenceError) : undialled(error, to.host, to.port);
}

/** Ended by us although nothing was wrong with the request. */
export function cutOff(reason: string): Problem {
  return { status: 403, code: 'revoked', detail: `The connection was ended: ${reason}.`, members: { reason } };
}

export function broken(reason: string): Problem {
  return { status: 502, code: 'bad-answer', detail: `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.` };
}

export function lateHead(): Problem {
  return { status: 408, code: 'slow-head', detail: `The request head did not end within ${HEAD_TIMEOUT_MS / 1000} s.` };
}

export function connectRefused(): Problem {
  const detail = 'CONNECT is taken only by the proxy listener, for declared targets, as the first request of a connection.';
  return { status: 501, code: 'connect', detail };
}

export function tooLargeToHold(event: string): Problem {
  const detail = `A request that needs approval may have ${MAX_HELD_REQUEST_BYTES} bytes, for it is kept until somebody decided. Send less at once.`;
  return { status: 413, code: 'too-large-to-hold', detail, members: { event } };
}

export function unmaskable(verdict: Verdict, detail: string, event: string): Problem {
  return {
    status: 502,
    code: 'not-maskable',
    detail: `${ruleOf(verdict)} masks what comes back, and this answer cannot be masked: ${detail}. It was withheld.`,
    members: members(verdict, event),
  };
}
