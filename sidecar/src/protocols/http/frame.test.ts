import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { BODY, HEAD, MORE, MessageReader } from './frame.js';
import { HttpSyntaxError, RequestHead, ResponseHead } from './head.js';
import { MAX_CHUNK_EXTENSION_BYTES, MAX_FIELDS, MAX_HEAD_BYTES, MAX_TARGET_CHARS, MAX_TRAILER_BYTES } from './limits.js';

interface Seen {
  text: string;
  body: string;
  trailers: string | undefined;
}

/** Reads requests from chunks, framing each as its head says. */
function readAll(chunks: Buffer[], reader = new MessageReader((raw) => new RequestHead(raw))): { seen: Seen[]; raw: string } {
  const seen: Seen[] = [];
  let raw = '';
  for (const chunk of chunks) {
    reader.feed(chunk);
    for (let piece = reader.read(); piece !== MORE; piece = reader.read()) {
      raw += reader.raw.toString('latin1');
      if (piece === HEAD) {
        const { head } = reader;
        seen.push({ text: head.text, body: '', trailers: undefined });
        reader.body(head.chunked ? 'chunked' : head.length > 0 ? 'length' : 'none', head.length);
      }
      if (piece === BODY) {
        for (const part of reader.parts) seen.at(-1)!.body += part.toString('latin1');
        if (reader.trailers !== undefined) {
          seen.at(-1)!.trailers = reader.trailers;
          raw += reader.trailers;
        }
      }
    }
  }
  return { seen, raw };
}

const message = (...lines: string[]): string => lines.join('\r\n');
const refusal = (text: string): string => {
  try {
    readAll([Buffer.from(text, 'latin1')]);
  } catch (error) {
    assert.ok(error instanceof HttpSyntaxError, String(error));
    return `${error.status} ${error.code}`;
  }
  return 'taken';
};

const STREAM =
  message('GET /a HTTP/1.1', 'Host: h', '', '') +
  message('POST /b HTTP/1.1', 'Host: h', 'Content-Length: 5', '', 'hello') +
  message('PUT /c HTTP/1.1', 'host:h', 'Transfer-Encoding:  Chunked ', '', '5;x="y"', 'hello', '1', '!', '0', 'X-Sum: 1', '', '') +
  message('PUT /d HTTP/1.1', 'host:h', 'transfer-encoding: chunked', '', '0', '', '') +
  message('HEAD /e HTTP/1.0', '', '');

describe('HTTP/1.1 framing', () => {
  it('reads the same messages and bytes for every split in two and byte by byte', () => {
    const bytes = Buffer.from(STREAM);
    const whole = readAll([bytes]);
    assert.deepEqual(
      whole.seen.map(({ body }) => body),
      ['', 'hello', 'hello!', '', ''],
    );
    assert.equal(whole.seen[2]!.trailers, 'X-Sum: 1\r\n\r\n');
    assert.equal(whole.raw, STREAM);
    for (let i = 0; i <= bytes.length; i++) assert.deepEqual(readAll([bytes.subarray(0, i), bytes.subarray(i)]), whole);
    assert.deepEqual(readAll([...bytes].map((byte) => Buffer.from([byte]))), whole);
  });

  it('round-trips generated messages under any split', () => {
    const body = fc.array(
      fc.string({ minLength: 1, maxLength: 30 }).map((text) => Buffer.from(text).toString('latin1')),
      { maxLength: 4 },
    );
    const one = fc.record({ chunked: fc.boolean(), parts: body, value: fc.stringMatching(/^[!-~]{0,12}$/) });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(400), { maxLength: 8 }), (messages, cuts) => {
        const text = messages
          .map(({ chunked, parts, value }) => {
            const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${parts.join('').length}`;
            const payload = chunked
              ? `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`
              : parts.join('');
            return `POST / HTTP/1.1\r\nHost: h\r\nX: ${value}\r\n${framing}\r\n\r\n${payload}`;
          })
          .join('');
        const bytes = Buffer.from(text, 'latin1');
        const at = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
        const read = readAll(at.slice(1).map((end, i) => bytes.subarray(at[i], end)));
        assert.equal(read.raw, text);
        assert.deepEqual(
          read.seen.map(({ body: got }) => got),
          messages.map(({ parts }) => parts.join('')),
        );
      }),
    );
  });

  it('never throws anything but a refusal, for any bytes', () => {
    const word = fc.constantFrom(
      'GET / HTTP/1.1\r\n',
      'Host: h\r\n',
      '\r\n',
      '\r',
      '\n',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '0\r\n',
      'a',
      ' ',
      ':',
      '\0',
      '3\r\nabc\r\n',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string())), (words) => {
        refusal(words.join(''));
      }),
      { numRuns: 1000 },
    );
  });

  it('does linear work: a large answer in many reads, a head byte by byte', () => {
    const responses = new MessageReader((raw) => new ResponseHead(raw));
    const total = 7 * 1024 * 1024;
    responses.feed(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`));
    assert.equal(responses.read(), HEAD);
    responses.body('length', total);
    const chunk = Buffer.alloc(1024);
    for (let sent = 0; sent < total; sent += chunk.length) {
      responses.feed(chunk);
      assert.equal(responses.read(), BODY);
      assert.equal(responses.raw, chunk, 'the very buffer that arrived');
    }
    assert.ok(responses.work < 100, `${responses.work} bytes were looked at`);
    const requests = new MessageReader((raw) => new RequestHead(raw));
    const head = Buffer.from(message('GET / HTTP/1.1', 'Host: h', `X: ${'x'.repeat(60_000)}`, '', ''));
    for (const byte of head) {
      requests.feed(Buffer.from([byte]));
      requests.read();
    }
    assert.ok(requests.work < 8 * head.length, `${requests.work} bytes were looked at`);
    const chunked = new MessageReader((raw) => new ResponseHead(raw));
    chunked.feed(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'));
    chunked.read();
    chunked.body('chunked');
    const piece = Buffer.from(`400\r\n${'x'.repeat(1024)}\r\n`);
    for (let i = 0; i < 1000; i++) {
      chunked.feed(piece);
      chunked.read();
    }
    assert.ok(chunked.work < 1000 * 10, `${chunked.work} bytes were walked`);
  });

  const big = (bytes: number): string => {
    const frame = message('GET / HTTP/1.1', 'Host: h', 'X: ', '', '');
    return frame.replace('X: ', `X: ${'x'.repeat(bytes - frame.length)}`);
  };
  const chunks = (extension: number): string => {
    const line = `1;${'e'.repeat(511)}\r\nx\r\n`;
    const left = extension % 511;
    return `${message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '')}${line.repeat(Math.floor(extension / 511))}1;${'e'.repeat(left)}\r\nx\r\n0\r\n\r\n`;
  };
  const trailer = (bytes: number): string =>
    `${message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '0', '')}X: ${'t'.repeat(bytes - 7)}\r\n\r\n`;
  const LIMITS: [string, (size: number) => string, number, string][] = [
    ['head bytes', big, MAX_HEAD_BYTES, '431 head-too-large'],
    [
      'fields',
      (count) => `${message('GET / HTTP/1.1', 'Host: h', '')}${'a: b\r\n'.repeat(count - 1)}\r\n`,
      MAX_FIELDS,
      '431 too-many-fields',
    ],
    ['target', (length) => message(`GET /${'p'.repeat(length - 1)} HTTP/1.1`, 'Host: h', '', ''), MAX_TARGET_CHARS, '414 target-too-long'],
    ['chunk extensions', chunks, MAX_CHUNK_EXTENSION_BYTES, '413 chunk-extensions'],
    ['trailer bytes', trailer, MAX_TRAILER_BYTES, '431 head-too-large'],
  ];
  for (const [name, make, limit, code] of LIMITS) {
    it(`holds the limit of ${name}`, () => {
      assert.equal(refusal(make(limit)), 'taken');
      assert.equal(refusal(make(limit + 1)), code);
      const bytes = Buffer.from(make(limit), 'latin1');
      for (const at of [1, 100, bytes.length - 1]) readAll([bytes.subarray(0, at), bytes.subarray(at)]);
    });
  }
});

const REFUSED: [string, string, string][] = [
  ['CL and TE', message('POST / HTTP/1.1', 'Host: h', 'Content-Length: 3', 'Transfer-Encoding: chunked', '', ''), '400 length-and-chunked'],
  ['TE and CL', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', 'Content-Length: 0', '', ''), '400 length-and-chunked'],
  ['two CL', message('POST / HTTP/1.1', 'Host: h', 'Content-Length: 3', 'Content-Length: 4', '', ''), '400 several-lengths'],
  ['two equal CL', message('POST / HTTP/1.1', 'Host: h', 'Content-Length: 3', 'content-length: 3', '', ''), '400 several-lengths'],
  ['a list of CL', message('POST / HTTP/1.1', 'Host: h', 'Content-Length: 3, 3', '', ''), '400 bad-length'],
  ['CL with a sign', message('POST / HTTP/1.1', 'Host: h', 'Content-Length: +3', '', ''), '400 bad-length'],
  ['CL in hex', message('POST / HTTP/1.1', 'Host: h', 'Content-Length: 0x3', '', ''), '400 bad-length'],
  ['CL with NBSP', message('POST / HTTP/1.1', 'Host: h', 'Content-Length: 3\xa0', '', ''), '400 bad-length'],
  ['CL absurdly long', message('POST / HTTP/1.1', 'Host: h', 'Content-Length: 9999999999999999', '', ''), '400 bad-length'],
  ['TE identity', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: identity', '', ''), '400 not-chunked'],
  ['TE not ending in chunked', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked, gzip', '', ''), '400 not-chunked'],
  ['TE xchunked', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: xchunked', '', ''), '400 not-chunked'],
  ['TE with VT', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: \vchunked', '', ''), '400 field-value'],
  ['TE gzip, chunked', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: gzip, chunked', '', ''), '501 coding'],
  [
    'two TE',
    message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked', '', ''),
    '400 several-codings',
  ],
  ['TE in HTTP/1.0', message('POST / HTTP/1.0', 'Host: h', 'Transfer-Encoding: chunked', '', ''), '400 chunked-1.0'],
  ['obs-fold', message('GET / HTTP/1.1', 'Host: h', 'X: a', ' b', '', ''), '400 obs-fold'],
  ['a fold of TE', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding:', ' chunked', '', ''), '400 obs-fold'],
  ['space before colon', message('GET / HTTP/1.1', 'Host: h', 'Content-Length : 3', '', ''), '400 space-before-colon'],
  ['bare LF', 'GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n', '400 bare-cr-lf'],
  ['bare CR', 'GET / HTTP/1.1\r\nHost: h\r\nX: y\rContent-Length: 3\r\n\r\n', '400 bare-cr-lf'],
  ['bare LF after the request line', 'GET / HTTP/1.1\nHost: h\r\n\r\n', '400 request-line'],
  ['NUL', message('GET / HTTP/1.1', 'Host: h', 'X: a\0b', '', ''), '400 field-value'],
  ['no colon', message('GET / HTTP/1.1', 'Host: h', 'nonsense', '', ''), '400 field-name'],
  ['an empty name', message('GET / HTTP/1.1', 'Host: h', ': x', '', ''), '400 field-name'],
  ['no Host', message('GET / HTTP/1.1', 'X: y', '', ''), '400 no-host'],
  ['two Hosts', message('GET / HTTP/1.1', 'Host: h', 'Host: i', '', ''), '400 several-hosts'],
  ['a Host with a path', message('GET / HTTP/1.1', 'Host: h/evil', '', ''), '400 bad-host'],
  ['a Host with user info', message('GET / HTTP/1.1', 'Host: a@h', '', ''), '400 bad-host'],
  ['an empty Host', message('GET / HTTP/1.1', 'Host: ', '', ''), '400 bad-host'],
  ['two spaces', message('GET  / HTTP/1.1', 'Host: h', '', ''), '400 request-line'],
  ['a space in the target', message('GET /a b HTTP/1.1', 'Host: h', '', ''), '400 request-line'],
  ['a tab in the target', message('GET /a\tb HTTP/1.1', 'Host: h', '', ''), '400 target'],
  ['a backslash', message('GET /a\\b HTTP/1.1', 'Host: h', '', ''), '400 target'],
  ['a fragment', message('GET /a#b HTTP/1.1', 'Host: h', '', ''), '400 target'],
  ['HTTP/0.9', 'GET /\r\n\r\n', '400 request-line'],
  ['HTTP/1.2', message('GET / HTTP/1.2', 'Host: h', '', ''), '505 version'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505 version'],
  ['a lower-case version', message('GET / http/1.1', 'Host: h', '', ''), '400 request-line'],
  ['a bad method', message('G(T / HTTP/1.1', 'Host: h', '', ''), '400 method'],
  ['another expectation', message('GET / HTTP/1.1', 'Host: h', 'Expect: tea', '', ''), '417 expectation'],
  ['no chunk size', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '', ''), '400 bad-chunk'],
  ['a chunk size with a sign', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '-1', ''), '400 bad-chunk'],
  ['a chunk size 0x', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '0x1', ''), '400 bad-chunk'],
  [
    'a chunk size that overflows',
    message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', 'fffffffffffffffff', ''),
    '400 bad-chunk',
  ],
  ['a chunk that is too long', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '1', 'ab', ''), '400 bad-chunk'],
  ['a chunk line that ends with LF', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '1\nab'), '400 bad-chunk'],
  ['a bare CR after a chunk size', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '1\ra'), '400 bad-chunk'],
  ['LF in a chunk extension', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '1;a\nb'), '400 bad-chunk'],
  ['a folded trailer', message('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '0', 'A: b', ' c', '', ''), '400 obs-fold'],
];

describe('smuggling and malformed requests', () => {
  for (const [name, text, want] of REFUSED) it(`refuses ${name}`, () => assert.equal(refusal(text), want));

  it('drops trailers that a target might take for fields of the head', () => {
    const text = message(
      'POST / HTTP/1.1',
      'Host: h',
      'Transfer-Encoding: chunked',
      '',
      '0',
      'Txn-Token: x',
      'Content-Length: 5',
      'X-Sum: 1',
      'authorization: a',
      '',
      '',
    );
    assert.equal(readAll([Buffer.from(text)]).seen[0]!.trailers, 'X-Sum: 1\r\n\r\n');
  });

  it('ignores one empty line before a request line, and no more', () => {
    assert.equal(refusal('\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n'), 'taken');
    assert.notEqual(refusal('\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n'), 'taken');
  });

  it('refuses malformed answers', () => {
    for (const text of ['HTTP/1.1 20 OK', 'HTTP/2 200', 'HTTP/1.1 200', 'ICY 200 OK']) {
      const parse = (): ResponseHead => new ResponseHead(Buffer.from(`${text}\r\nX: y\r\n\r\n`));
      if (text === 'HTTP/1.1 200') assert.equal(parse().status, 200);
      else assert.throws(parse, HttpSyntaxError);
    }
  });
});
