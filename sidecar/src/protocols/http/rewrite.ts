/** What of a request changes on its way: identity and proxy fields go, credential and tags come. Everything else keeps its bytes. */
import type { Attribution } from '../../attribute/attribution.js';
import type { TargetCredential } from '../../credentials/credential.js';
import { linesNamed } from './fields.js';
import { type RequestHead, type ResponseHead, value } from './head.js';

const authorizations = new WeakMap<TargetCredential, string>();

/** The Authorization line of a credential; empty where the agent's own passes. */
export function authorizationLine(credential: TargetCredential): string {
  let line = authorizations.get(credential);
  if (line === undefined) {
    line = authorizationOf(credential);
    authorizations.set(credential, line);
  }
  return line;
}

function authorizationOf(credential: TargetCredential): string {
  switch (credential.kind) {
    case 'bearer':
      return `Authorization: Bearer ${credential.token.trim()}\r\n`; // RFC 6750 2.1
    case 'password': {
      const pair = Buffer.from(`${credential.username}:${credential.password}`).toString('base64'); // RFC 7617 2
      return `Authorization: Basic ${pair}\r\n`;
    }
    case 'certificate':
    case 'none':
      return '';
    default:
      return credential satisfies never;
  }
}

/** W3C Baggage that names the person and the chain; values are percent-encoded. Empty where nobody is known. */
export function baggageMembers(attribution: Attribution): string {
  const identity = attribution.identity;
  if (!identity) return '';
  const { root, launch } = identity;
  const encode = encodeURIComponent;
  return `cairn.root=${encode(root.name)},cairn.issuer=${encode(root.iss)},cairn.launch=${launch.id},cairn.chain=${launch.chain}`;
}

export interface RequestChange {
  /** Origin-form, where the agent sent absolute-form. */
  path: string | undefined;
  /** From authorizationLine(). */
  authorization: string;
  /** Further lines of ours, each with its CRLF. */
  tags: string;
  /** Members for Baggage; undefined where the target declares none. */
  baggage: string | undefined;
  /** The response will be masked: only codings that we can open, and no ranges, which could cut what is looked for. */
  masked: boolean;
  /** Further fields that are not forwarded, by name in lower case. */
  drops: ((name: string) => boolean) | undefined;
}

/** Upgrade without HTTP/2 (RFC 9113 3.1: h2c is obsolete; a server may ignore Upgrade): no rule would be asked inside it. */
export function upgradeOf(head: RequestHead): string | undefined {
  if (head.upgrade === undefined) return undefined;
  const kept = head.upgrade
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '' && !/^(?:h2|http)/i.test(token));
  return kept.length > 0 ? kept.join(', ') : undefined;
}

/** The head as the target gets it: `raw` itself where nothing changes. */
export function rewriteRequest(head: RequestHead, raw: Buffer, change: RequestChange): Buffer {
  const cuts: number[] = head.dropped ? head.dropped.slice() : [];
  let added = change.authorization + change.tags;
  if (change.authorization !== '' && head.authorization) cuts.push(...head.authorization);
  if (head.nominated || head.upgrade !== undefined) added += connection(head, cuts);
  if (head.baggage || change.baggage) added += baggage(head, change.baggage ?? '', cuts);
  if (change.masked) added += codings(head, cuts);
  if (change.drops) cuts.push(...linesNamed(head, change.drops));
  const text = head.text;
  if (cuts.length === 0 && added === '' && change.path === undefined)
    return raw.length === text.length ? raw : raw.subarray(raw.length - text.length);
  const start = change.path === undefined ? text.slice(0, head.fields) : `${head.method} ${change.path} HTTP/1.${head.minor}\r\n`;
  return Buffer.from(`${start}${without(text, head.fields, cuts)}${added}\r\n`, 'latin1');
}

/** Field lines but those between the cuts; without the empty line. */
function without(text: string, from: number, cuts: number[]): string {
  const end = text.length - 2;
  if (cuts.length === 0) return text.slice(from, end);
  let kept = '';
  let at = from;
  for (const index of order(cuts)) {
    if (cuts[index]! > at) kept += text.slice(at, cuts[index]);
    at = Math.max(at, cuts[index + 1]!);
  }
  return kept + text.slice(at, end);
}

/** Indices of the pairs, by where they begin. */
function order(cuts: number[]): number[] {
  const indices: number[] = [];
  for (let i = 0; i < cuts.length; i += 2) indices.push(i);
  return indices.length > 1 ? indices.sort((a, b) => cuts[a]! - cuts[b]!) : indices;
}

/** Fields that no Connection option takes away: framing and routing depend on them. */
const KEPT = new Set(['host', 'content-length', 'transfer-encoding', 'content-type', 'content-encoding', 'connection']);

/**
 * Connection and Upgrade written anew. Fields that the agent nominates for removal are removed here (RFC 9110 7.6.1), so
 * that it can't have the next hop remove ours.
 */
function connection(head: RequestHead, cuts: number[]): string {
  const upgrade = upgradeOf(head);
  if (!head.nominated && upgrade === head.upgrade) return '';
  if (head.connectionLines) cuts.push(...head.connectionLines);
  const { text } = head;
  for (let pos = head.fields; pos < text.length - 2;) {
    const eol = text.indexOf('\r\n', pos);
    const name = text.slice(pos, text.indexOf(':', pos)).toLowerCase();
    if (head.nominated?.includes(name) && !KEPT.has(name)) cuts.push(pos, eol + 2);
    pos = eol + 2;
  }
  const options = [head.close ? 'close' : '', head.keepAlive ? 'keep-alive' : '', upgrade ? 'Upgrade' : ''].filter(
    (option) => option !== '',
  );
  return (options.length > 0 ? `Connection: ${options.join(', ')}\r\n` : '') + (upgrade ? `Upgrade: ${upgrade}\r\n` : '');
}

/** The agent's members but those that bear our prefix, then ours. */
function baggage(head: RequestHead, ours: string, cuts: number[]): string {
  const lines = head.baggage ?? [];
  let members = '';
  for (let i = 0; i < lines.length; i += 2) {
    members += `${members === '' ? '' : ','}${head.text.slice(lines[i]! + 'baggage:'.length, lines[i + 1]! - 2)}`;
  }
  const kept = members.split(',').map((member) => member.trim());
  const theirs = kept.filter((member) => member !== '' && !/^cairn\./i.test(member));
  if (ours === '' && theirs.length === kept.length) return '';
  cuts.push(...lines);
  const all = ours === '' ? theirs : [...theirs, ours];
  return all.length > 0 ? `Baggage: ${all.join(',')}\r\n` : '';
}

const MASKABLE_CODING = /^(?:gzip|x-gzip|deflate|br|identity)[ \t]*(?:;.*)?$/i;

function codings(head: RequestHead, cuts: number[]): string {
  if (head.range) cuts.push(...head.range);
  const lines = head.acceptEncoding;
  if (!lines) return '';
  const name = 'accept-encoding:'.length;
  let wanted = '';
  for (let i = 0; i < lines.length; i += 2) wanted += `,${head.text.slice(lines[i]! + name, lines[i + 1]! - 2)}`;
  const all = wanted
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '');
  const kept = all.filter((coding) => MASKABLE_CODING.test(coding));
  if (kept.length === all.length) return '';
  cuts.push(...lines);
  return `Accept-Encoding: ${kept.length > 0 ? kept.join(', ') : 'identity'}\r\n`;
}

/** Fields of a response that say something of bytes which masking changes. */
const BODY_FIELDS = new Set(
  'content-length transfer-encoding content-md5 digest content-digest repr-digest accept-ranges trailer signature signature-input'.split(
    ' ',
  ),
);

/**
 * A response head whose body is rewritten: framing fields go, `framing` (lines with CRLF) comes; `field` may change a
 * value. Fields of framing and of the connection are never shown to it.
 */
export function rewriteResponse(head: ResponseHead, framing: string, field: (name: string, value: string) => string): Buffer {
  const { text } = head;
  let kept = text.slice(0, head.fields);
  for (let pos = head.fields; pos < text.length - 2;) {
    const eol = text.indexOf('\r\n', pos);
    const colon = text.indexOf(':', pos);
    const name = text.slice(pos, colon).toLowerCase();
    if (!BODY_FIELDS.has(name)) {
      const before = value(text, colon, eol);
      const after = field(name, before);
      kept += after === before ? text.slice(pos, eol + 2) : `${text.slice(pos, colon)}: ${after}\r\n`;
    }
    pos = eol + 2;
  }
  return Buffer.from(`${kept}${framing}\r\n`, 'latin1');
}
