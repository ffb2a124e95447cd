/** The head of a request as the API server gets it: whose it is, and under which Audit-ID. */
import type { Masker } from '../../guard/mask.js';
import type { SessionContext } from '../protocol.js';
import type { Decided } from '../http/decided.js';
import { valuesOf } from '../http/fields.js';
import type { RequestHead } from '../http/head.js';
import { type RequestChange, authorizationLine } from '../http/rewrite.js';

/**
 * Never the agent's own: credentials (its bearer is this pod's session token, and X-Remote-* are what an authenticating proxy
 * says), the id under which the API server audits, and how the answer is coded, for the record counts what it holds.
 */
const DROPPED = new Set([
  'authorization',
  'host',
  'audit-id',
  'accept-encoding',
  'cookie',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
]);
const DROPPED_PREFIXES = ['x-remote-', 'x-forwarded-'];

const isDropped = (name: string): boolean => DROPPED.has(name) || DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix));
const isDroppedMasked = (name: string): boolean => name === 'accept' || name === 'range' || name === 'if-range' || isDropped(name);

/** Fields that frame the agent's body, where another is sent. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'trailer', 'expect']);

function dropsOf({ masker, amended }: Decided): (name: string) => boolean {
  const dropped = masker ? isDroppedMasked : isDropped;
  return amended ? (name) => FRAMING.has(name) || dropped(name) : dropped;
}

const lengthLine = ({ amended }: Decided): string => (amended ? `Content-Length: ${amended.length}\r\n` : '');

export function change(context: SessionContext, decided: Decided, event: string): RequestChange {
  const { head, route, masker, operations } = decided;
  const { host, port } = context;
  const authority = `${host.includes(':') ? `[${host}]` : host}${port === 443 ? '' : `:${port}`}`;
  return {
    path: route.absolute ? route.path : undefined,
    authorization: authorizationLine(context.credential()),
    tags: `Host: ${authority}\r\nAudit-ID: ${event}\r\n${lengthLine(decided)}${acceptLine(head, masker, operations[0]!.resource)}${subprotocolLine(head)}`,
    baggage: undefined,
    masked: false,
    drops: dropsOf(decided),
  };
}

/** Under a mask only what can be masked is asked for: JSON, as a table or not. Logs are text. */
function acceptLine(head: RequestHead, masker: Masker | undefined, resource: string): string {
  if (!masker) return '';
  if (resource.endsWith('/log')) return 'Accept: */*\r\n';
  const wanted = valuesOf(head, 'accept')
    .join(',')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => /^application\/json(?:;|$)/i.test(each));
  return `Accept: ${wanted.length > 0 ? wanted.join(', ') : 'application/json'}\r\n`;
}

/** A browser's bearer token travels as a subprotocol: another credential, which is the agent's and stays here. */
const BEARER_SUBPROTOCOL = /^base64url\.bearer\.authorization\.k8s\.io\./i;

function subprotocolLine(head: RequestHead): string {
  const offered = valuesOf(head, 'sec-websocket-protocol')
    .join(',')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && !BEARER_SUBPROTOCOL.test(each));
  return offered.length > 0 ? `Sec-WebSocket-Protocol: ${offered.join(', ')}\r\n` : '';
}
