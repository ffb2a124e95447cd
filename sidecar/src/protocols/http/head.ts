/**
 * Heads of HTTP/1.1 messages (RFC 9112), read strictly: what two readers could understand in two ways is refused
 * (RFC 9112 11.2). One pass over one string; positions instead of slices where a rewrite may want to cut.
 */
import { IDENTITY_HEADERS, isIdentityHeader } from '@cairn/identity';
import { MAX_FIELDS, MAX_METHOD_CHARS, MAX_TARGET_CHARS } from './limits.js';

/** A message that is refused. `status` is what the agent is answered with. */
export class HttpSyntaxError extends Error {
  constructor(
    readonly status: 400 | 413 | 414 | 417 | 431 | 501 | 505,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'HttpSyntaxError';
  }
}

const bad = (code: string, message: string): HttpSyntaxError => new HttpSyntaxError(400, code, message);

/** field-line = token ":" OWS field-value OWS (RFC 9112 5), with no obs-fold, bare CR, bare LF or other control characters. Deterministic: linear. */
const FIELDS = /(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/y;
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible US-ASCII without `"`, `#` and backslash. */
const TARGET = /^[\x21\x24-\x5b\x5d-\x7e]+$/;
const HOST = /^(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/;
const LENGTH = /^\d{1,15}$/;

/** What both kinds of head have in common. */
abstract class Head {
  /** The head's bytes one to one, with the empty line. */
  readonly text: string;
  /** Index of the first field. */
  fields = 0;
  /** HTTP/1.x */
  minor = 1;
  /** -1 without Content-Length. */
  length = -1;
  chunked = false;
  close = false;
  keepAlive = false;
  /** Options of Connection that we don't know, in lower case: fields that the next hop would drop (RFC 9110 7.6.1). */
  nominated: string[] | undefined;
  /** Field lines of Connection and Upgrade: start, end, ... */
  connectionLines: number[] | undefined;
  upgrade: string | undefined;
  contentType: string | undefined;
  contentEncoding: string | undefined;
  #lengths = 0;
  #codings = 0;

  constructor(text: string) {
    this.text = text;
  }

  protected scan(start: number): void {
    this.fields = start;
    const text = this.text;
    FIELDS.lastIndex = start;
    if (!FIELDS.test(text) || FIELDS.lastIndex !== text.length) throw fieldFault(text, start);
    const end = text.length - 2;
    let count = 0;
    for (let pos = start; pos < end;) {
      const eol = text.indexOf('\n', pos) - 1; // no bare LF is left: one character is found faster than two
      const colon = text.indexOf(':', pos);
      if (++count > MAX_FIELDS) throw new HttpSyntaxError(431, 'too-many-fields', `the message has more than ${MAX_FIELDS} header fields`);
      if (!this.common(pos, colon, eol)) this.field(pos, colon, eol);
      pos = eol + 2;
    }
    if (this.chunked && this.length >= 0) {
      throw bad('length-and-chunked', 'the message has both Content-Length and Transfer-Encoding (RFC 9112 6.3)');
    }
    if (this.#codings > 0 && this.minor === 0) throw bad('chunked-1.0', 'Transfer-Encoding has no meaning in HTTP/1.0 (RFC 9112 6.1)');
  }

  /** A field that this kind of head asks for. `pos` to `colon` is its name, up to `eol` its value. */
  protected abstract field(pos: number, colon: number, eol: number): void;

  private common(pos: number, colon: number, eol: number): boolean {
    const text = this.text;
    switch (colon - pos) {
      case 7:
        if (!named(text, pos, 'upgrade')) return false;
        this.upgrade = this.upgrade === undefined ? value(text, colon, eol) : `${this.upgrade}, ${value(text, colon, eol)}`;
        (this.connectionLines ??= []).push(pos, eol + 2);
        return true;
      case 10:
        if (!named(text, pos, 'connection')) return false;
        this.#connection(value(text, colon, eol).toLowerCase());
        (this.connectionLines ??= []).push(pos, eol + 2);
        return true;
      case 12:
        if (!named(text, pos, 'content-type')) return false;
        // Two of them agree with no known type, so that nothing is guessed.
        this.contentType = this.contentType === undefined ? value(text, colon, eol) : `${this.contentType}, ${value(text, colon, eol)}`;
        return true;
      case 14:
        if (!named(text, pos, 'content-length')) return false;
        this.#contentLength(value(text, colon, eol));
        return true;
      case 16:
        if (!named(text, pos, 'content-encoding')) return false;
        this.contentEncoding = `${this.contentEncoding === undefined ? '' : `${this.contentEncoding},`}${value(text, colon, eol)}`;
        return true;
      case 17:
        if (!named(text, pos, 'transfer-encoding')) return false;
        this.#transferEncoding(value(text, colon, eol).toLowerCase());
        return true;
      default:
        return false;
    }
  }

  #contentLength(text: string): void {
    if (this.#lengths++ > 0) throw bad('several-lengths', 'the message has several Content-Length fields (RFC 9112 6.3)');
    if (!LENGTH.test(text)) throw bad('bad-length', 'Content-Length is not one decimal number (RFC 9110 8.6)');
    this.length = Number(text);
  }

  #transferEncoding(coding: string): void {
    if (this.#codings++ > 0) throw bad('several-codings', 'the message has several Transfer-Encoding fields');
    if (coding === 'chunked') this.chunked = true;
    else if (/,[ \t]*chunked$/.test(coding)) throw new HttpSyntaxError(501, 'coding', 'of the transfer codings only chunked is known here');
    else throw bad('not-chunked', 'the last transfer coding is not chunked, so the end of the body is unknown (RFC 9112 6.3)');
  }

  #connection(options: string): void {
    if (options === 'keep-alive') this.keepAlive = true;
    else if (options === 'close') this.close = true;
    else {
      for (const option of options.split(',')) {
        const name = option.trim();
        if (name === 'close') this.close = true;
        else if (name === 'keep-alive') this.keepAlive = true;
        else if (name !== '' && name !== 'upgrade' && name !== 'te') (this.nominated ??= []).push(name);
      }
    }
  }

  /** Whether the connection ends with this message. */
  get last(): boolean {
    return this.close || (this.minor === 0 && !this.keepAlive);
  }
}

export class RequestHead extends Head {
  method = '';
  /** As sent: origin-form, absolute-form, authority-form or `*`. */
  target = '';
  /** Value of Host; undefined only in HTTP/1.0. */
  host: string | undefined;
  expectContinue = false;
  handle: string | undefined;
  traceparent: string | undefined;
  /** Verbs that X-HTTP-Method-Override and its likes ask for. */
  override: string | undefined;
  /** Lines that are never forwarded: identity and proxy fields. start, end, ... in order. */
  dropped: number[] | undefined;
  /** Lines that are forwarded unless we put ours in their place. */
  authorization: number[] | undefined;
  baggage: number[] | undefined;
  acceptEncoding: number[] | undefined;
  range: number[] | undefined;

  constructor(raw: Buffer) {
    // An empty line before the request line is ignored (RFC 9112 2.2).
    super(raw[0] === 0x0d ? raw.toString('latin1', 2) : raw.toString('latin1'));
    const text = this.text;
    const eol = text.indexOf('\r\n');
    this.#requestLine(eol);
    this.scan(eol + 2);
    if (this.host === undefined && this.minor === 1) throw bad('no-host', 'the request has no Host field (RFC 9112 3.2)');
  }

  get hasBody(): boolean {
    return this.chunked || this.length > 0;
  }

  #requestLine(eol: number): void {
    const text = this.text;
    const first = text.indexOf(' ');
    const second = text.indexOf(' ', first + 1);
    if (first <= 0 || second < 0 || second > eol) throw bad('request-line', 'the request line is not "METHOD target HTTP/1.1"');
    const version = text.slice(second + 1, eol);
    if (version === 'HTTP/1.1') this.minor = 1;
    else if (version === 'HTTP/1.0') this.minor = 0;
    else if (/^HTTP\/\d\.\d$/.test(version)) throw new HttpSyntaxError(505, 'version', `${version} is not spoken here; use HTTP/1.1`);
    else throw bad('request-line', 'the request line is not "METHOD target HTTP/1.1"');
    this.method = text.slice(0, first);
    if (first > MAX_METHOD_CHARS || !METHOD.test(this.method)) throw bad('method', 'the method is not a token (RFC 9110 9.1)');
    this.target = text.slice(first + 1, second);
    if (this.target.length > MAX_TARGET_CHARS) {
      throw new HttpSyntaxError(414, 'target-too-long', `the request target is longer than ${MAX_TARGET_CHARS} characters`);
    }
    if (!TARGET.test(this.target)) throw bad('target', 'the request target holds characters that have to be percent-encoded (RFC 3986 2)');
  }

  protected override field(pos: number, colon: number, eol: number): void {
    const text = this.text;
    switch (text.charCodeAt(pos) | 0x20) {
      case 0x61: // a
        if (named(text, pos, 'authorization:')) (this.authorization ??= []).push(pos, eol + 2);
        else if (named(text, pos, 'accept-encoding:')) (this.acceptEncoding ??= []).push(pos, eol + 2);
        break;
      case 0x62: // b
        if (named(text, pos, 'baggage:')) (this.baggage ??= []).push(pos, eol + 2);
        break;
      case 0x65: // e
        if (named(text, pos, 'expect:')) this.#expect(value(text, colon, eol));
        break;
      case 0x68: // h
        if (named(text, pos, 'host:')) this.#host(value(text, colon, eol));
        else if (named(text, pos, 'http2-settings:')) this.#drop(pos, eol);
        break;
      case 0x69: // i
        if (named(text, pos, 'if-range:')) (this.range ??= []).push(pos, eol + 2);
        break;
      case 0x70: // p
        if (named(text, pos, 'proxy-authorization:') || named(text, pos, 'proxy-connection:')) this.#drop(pos, eol);
        break;
      case 0x72: // r
        if (named(text, pos, 'range:')) (this.range ??= []).push(pos, eol + 2);
        break;
      case 0x74: // t
        if (named(text, pos, 'traceparent:')) {
          this.traceparent = value(text, colon, eol);
          return;
        }
        break;
      case 0x78: // x
        if (named(text, pos, 'x-http-method') || named(text, pos, 'x-method-override:')) this.#override(value(text, colon, eol));
        break;
      default:
    }
    if (IDENTITY_INITIAL[text.charCodeAt(pos) & 0x1f]) this.#identity(pos, colon, eol);
  }

  #identity(pos: number, colon: number, eol: number): void {
    const name = this.text.slice(pos, colon).toLowerCase();
    // Targets behind CGI or WSGI read `_` as `-`.
    if (!isIdentityHeader(name) && !(name.includes('_') && isIdentityHeader(name.replaceAll('_', '-')))) return;
    if (name === 'cairn-context') this.handle = value(this.text, colon, eol);
    this.#drop(pos, eol);
  }

  #drop(pos: number, eol: number): void {
    (this.dropped ??= []).push(pos, eol + 2);
  }

  #host(host: string): void {
    if (this.host !== undefined) throw bad('several-hosts', 'the request has several Host fields (RFC 9112 3.2)');
    if (!HOST.test(host)) throw bad('bad-host', 'Host is not a name or address with an optional port (RFC 9110 7.2)');
    this.host = host;
  }

  #expect(expectation: string): void {
    if (expectation.toLowerCase() !== '100-continue') {
      throw new HttpSyntaxError(417, 'expectation', 'the only expectation that is known is 100-continue (RFC 9110 10.1.1)');
    }
    this.expectContinue = this.minor === 1;
  }

  #override(verb: string): void {
    if (METHOD.test(verb)) this.override = verb;
  }
}

export class ResponseHead extends Head {
  status = 0;

  constructor(raw: Buffer) {
    super(raw.toString('latin1'));
    const line = STATUS_LINE.exec(this.text);
    if (!line) throw bad('status-line', 'the answer does not begin with an HTTP/1.1 status line');
    this.minor = line[1] === '1' ? 1 : 0;
    this.status = Number(line[2]);
    this.scan(line[0].length);
  }

  protected override field(): void {}
}

/** Initial letters (5 bits) of identity fields, so that other names cost nothing. */
const IDENTITY_INITIAL = new Uint8Array(32);
for (const name of IDENTITY_HEADERS) IDENTITY_INITIAL[name.charCodeAt(0) & 0x1f] = 1;

/** Says what is wrong with a field section that is not well-formed. */
function fieldFault(text: string, start: number): HttpSyntaxError {
  for (let pos = start; pos < text.length - 2;) {
    const eol = text.indexOf('\r\n', pos);
    const line = text.slice(pos, eol);
    if (line.startsWith(' ') || line.startsWith('\t')) return bad('obs-fold', 'a header field is folded over lines (RFC 9112 5.2)');
    if (/[\r\n]/.test(line)) return bad('bare-cr-lf', 'a line of the head holds a bare CR or LF (RFC 9112 2.2)');
    const colon = line.indexOf(':');
    if (/[ \t]$/.test(line.slice(0, Math.max(colon, 0))))
      return bad('space-before-colon', 'whitespace stands before a colon (RFC 9112 5.1)');
    if (colon <= 0 || !METHOD.test(line.slice(0, colon))) return bad('field-name', 'a header line has no field name (RFC 9110 5.1)');
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(line)) return bad('field-value', 'a header field holds a control character (RFC 9110 5.5)');
    pos = eol + 2;
  }
  return bad('fields', 'the header fields are not well-formed (RFC 9112 5)');
}

/** Trailer fields that may be forwarded. Those of framing, routing, credentials and identity may not (RFC 9110 6.5.1). */
export function safeTrailers(text: string): string {
  FIELDS.lastIndex = 0;
  if (!FIELDS.test(text) || FIELDS.lastIndex !== text.length) throw fieldFault(text, 0);
  const safe = text.split('\r\n').filter((line) => {
    const name = line.slice(0, line.indexOf(':')).toLowerCase().replaceAll('_', '-');
    return line !== '' && !isIdentityHeader(name) && !FORBIDDEN_TRAILERS.has(name);
  });
  return safe.length === 0 ? '\r\n' : `${safe.join('\r\n')}\r\n\r\n`;
}

const FORBIDDEN_TRAILERS = new Set(
  (
    'transfer-encoding content-length host connection upgrade te trailer keep-alive proxy-connection authorization proxy-authorization ' +
    'cookie set-cookie content-encoding content-type content-range expect range cache-control baggage'
  ).split(' '),
);

/** Whether the text at `pos` begins with `name` (lower case), without case. */
function named(text: string, pos: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if ((text.charCodeAt(pos + i) | 0x20) !== name.charCodeAt(i)) return false;
  return true;
}

/** Field value without optional whitespace: SP and HTAB only, for others are part of it. */
export function value(text: string, colon: number, eol: number): string {
  let start = colon + 1;
  let end = eol;
  while (start < end && (text.charCodeAt(start) === 0x20 || text.charCodeAt(start) === 0x09)) start++;
  while (end > start && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0x09)) end--;
  return text.slice(start, end);
}
