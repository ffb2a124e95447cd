/** Requests -> operations, as policies and auditors read them. */
import type { Effect, Operation } from '@cairn/crds';
import { type Masker, MASK, MaskCounts, detectPath, fieldPath } from '../../guard/mask.js';
import type { RequestHead } from './head.js';
import { MAX_PARAMETER_CHARS, MAX_PARAMETERS, MAX_RESOURCE_CHARS } from './limits.js';

/** Names of query parameters that carry secrets by convention; their values never stand in an event. Compared in lower case without `_` and `-`. */
const SECRET_PARAMETERS = new Set(
  (
    'accesstoken token idtoken refreshtoken apikey apitoken key authorization auth password passwd pwd secret clientsecret clientassertion ' +
    'sig signature xamzsignature xamzsecuritytoken xamzcredential xgoogsignature assertion samlresponse code jwt sessionid'
  ).split(' '),
);

/** GET, HEAD and OPTIONS are safe (RFC 9110 9.2.1) and read; TRACE and CONNECT are about the way itself. */
function effectOf(method: string): Effect {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
      return 'read';
    case 'TRACE':
    case 'CONNECT':
      return 'admin';
    default:
      return 'write';
  }
}

/**
 * All that a request may mean to its target: policies decide over every one of them, the strictest wins.
 * `path` is the origin-form target.
 */
export function interpret(head: RequestHead, path: string): Operation[] {
  const query = path.indexOf('?');
  const resource = query < 0 ? path : path.slice(0, query);
  const verb = head.method;
  const operation: Operation =
    query < 0
      ? { verb, resource, effect: effectOf(verb) }
      : { verb, resource, effect: effectOf(verb), parameters: parameters(path.slice(query + 1)) };
  const operations = [operation];
  if (UNUSUAL.test(resource)) {
    for (const reading of readings(resource)) {
      if (!operations.some((each) => each.resource === reading)) operations.push({ ...operation, resource: reading });
    }
  }
  const upper = verb.toUpperCase();
  if (upper !== verb) alsoAs(operations, upper);
  if (head.override !== undefined) alsoAs(operations, head.override.toUpperCase());
  return operations;
}

/** Targets may take another verb than the request line's: policies see both. */
function alsoAs(operations: Operation[], verb: string): void {
  for (const operation of operations.slice()) {
    if (operation.verb !== verb) operations.push({ ...operation, verb, effect: effectOf(verb) });
  }
}

/** What makes one path readable in several ways. */
const UNUSUAL = /%|\/\/|\/\.|;/;

/**
 * The ways in which targets read an unusual path: normalised by syntax (RFC 3986 6.2.2), and as lenient servers do,
 * fully decoded, with slashes merged and path parameters dropped. A rule on /admin must hold for /x/..//%61dmin;y too.
 */
function readings(path: string): string[] {
  const normal = removeDots(path.replace(/%[0-9A-Fa-f]{2}/g, (code) => unreserved(code)));
  let decoded = path;
  for (let round = 0; round < 2 && decoded.includes('%'); round++) decoded = decode(decoded); // once more: proxies in front decode too
  const lenient = (text: string): string =>
    removeDots(
      text
        .replace(/\\/g, '/')
        .replace(/;[^/]*/g, '')
        .replace(/\/{2,}/g, '/'),
    );
  return [normal, lenient(normal), lenient(decode(path)), lenient(decoded)];
}

function unreserved(code: string): string {
  const char = String.fromCharCode(Number.parseInt(code.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(char) ? char : code.toUpperCase();
}

/** Percent-decoded as UTF-8; what is not UTF-8 becomes U+FFFD. */
function decode(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
}

/** remove_dot_segments (RFC 3986 5.2.4). */
function removeDots(path: string): string {
  if (!path.includes('/.')) return path;
  const output: string[] = [];
  const segments = path.split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..') {
      if (output.length > 1) output.pop();
      if (last) output.push('');
    } else if (segment !== '.') output.push(segment);
    else if (last) output.push('');
  }
  return output.join('/');
}

/** Query as names and values (application/x-www-form-urlencoded, WHATWG URL 5.1); a name that comes again collects its values. */
export function parameters(query: string): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  let count = 0;
  let left = 0;
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    if (++count > MAX_PARAMETERS) {
      left++;
      continue;
    }
    const equals = pair.indexOf('=');
    const name = formDecode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : formDecode(pair.slice(equals + 1));
    const before = found[name];
    if (before === undefined) found[name] = value;
    else if (typeof before === 'string') found[name] = [before, value];
    else before.push(value);
  }
  if (left > 0) found['...'] = `${left} more`;
  return { ...found };
}

function formDecode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  return cut(decode(spaced), MAX_PARAMETER_CHARS);
}

/** Never between the halves of a surrogate pair: events are canonical JSON, which knows no lone ones. */
function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  return `${text.slice(0, last >= 0xd800 && last < 0xdc00 ? limit - 1 : limit)}...`;
}

export interface Description {
  operations: Operation[];
  /** `METHOD path`, without the query. */
  statement: string;
  counts: MaskCounts;
}

/** The same operations as events may hold them: masked, without secrets, bounded. */
export function describe(operations: readonly Operation[], masker: Masker | undefined): Description {
  const counts = new MaskCounts();
  const described = operations.map((operation) => {
    const shown = { ...operation, resource: maskText(cut(operation.resource, MAX_RESOURCE_CHARS), masker, counts) };
    if (operation.parameters) shown.parameters = maskParameters(operation.parameters as Record<string, string | string[]>, masker, counts);
    return shown;
  });
  const first = described[0]!;
  return { operations: described, statement: `${first.verb} ${first.resource}`, counts };
}

/** Whether `describe` would change nothing: the common case, which is spared its copies. */
export function plain(operations: readonly Operation[], masker: Masker | undefined): boolean {
  const first = operations[0]!;
  return !masker && operations.length === 1 && !first.parameters && first.resource.length <= MAX_RESOURCE_CHARS;
}

function maskParameters(found: Record<string, string | string[]>, masker: Masker | undefined, counts: MaskCounts): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(found)) {
    if (masker?.field(name)) {
      counts.add(fieldPath(name), 1);
      shown[name] = MASK;
    } else if (SECRET_PARAMETERS.has(name.toLowerCase().replace(/[_-]/g, ''))) shown[name] = MASK;
    else
      shown[maskText(name, masker, counts)] = Array.isArray(value)
        ? value.map((each) => maskText(each, masker, counts))
        : maskText(value, masker, counts);
  }
  return shown;
}

function maskText(text: string, masker: Masker | undefined, counts: MaskCounts): string {
  const found = masker?.detects ? (masker.text(text) ?? (text.includes('%') ? masker.text(decode(text)) : undefined)) : undefined;
  if (!found) return text;
  counts.add(detectPath(found.detector), found.count);
  return found.value;
}
