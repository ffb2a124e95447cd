import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import type { Mask, Target, Verdict } from '@cairn/crds';
import { type Driver, createDriver } from '../../testing/session-driver.js';
import type { Session } from '../protocol.js';
import { MAX_MASKED_BUFFER_BYTES, MAX_MASKED_LINE_BYTES } from './limits.js';
import { httpProtocol } from './module.js';

const TARGET: Target = {
  name: 'crm',
  protocol: 'http',
  hosts: ['h'],
  port: 80,
  tls: { mode: 'Disable' },
  forward: [],
  capture: { maxRows: 1, maxBytes: 1 << 22 },
  functions: { read: [] },
};
const NAMES: Mask[] = [{ fields: ['email'] }];
const FOUND: Mask[] = [{ detect: ['email', 'private-key'] }];

async function asked(mask: Mask[], request = 'GET /a HTTP/1.1\r\nHost: h\r\n\r\n'): Promise<{ driver: Driver; session: Session }> {
  const verdict: Verdict = { action: 'Allow', policy: 'p', rule: 'contacts', level: 'RequestResponse', delivery: 'Durable', mask };
  const driver = createDriver({ target: TARGET, decide: () => verdict });
  const session = httpProtocol.open(driver.context);
  driver.attach(session);
  session.agentData(Buffer.from(request));
  await driver.settle();
  return { driver, session };
}

const finished = async (driver: Driver): Promise<void> => {
  while (!driver.exchanges[0]!.completion) await driver.settle();
};

/** Sends an answer in pieces of `size` and gives what the agent got. */
async function answered(mask: Mask[], head: string, body: Buffer, size = 1 << 30): Promise<{ driver: Driver; head: string; body: Buffer }> {
  const { driver, session } = await asked(mask);
  const bytes = Buffer.concat([Buffer.from(head), body]);
  for (let at = 0; at < bytes.length; at += size) session.targetData(bytes.subarray(at, at + size));
  await finished(driver);
  const got = driver.takeAgent();
  const end = got.indexOf('\r\n\r\n') + 4;
  const gotHead = got.toString('latin1', 0, end);
  const payload = gotHead.includes('chunked') ? dechunked(got.subarray(end)) : got.subarray(end);
  if (!gotHead.includes('chunked')) assert.match(gotHead, new RegExp(`Content-Length: ${payload.length}\r\n`));
  return { driver, head: gotHead, body: payload };
}

function dechunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const eol = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, eol), 16);
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(eol + 2, eol + 2 + size));
    at = eol + 4 + size;
  }
}

const head = (length: number, ...fields: string[]): string =>
  ['HTTP/1.1 200 OK', 'Content-Type: application/json', ...fields, `Content-Length: ${length}`, '', ''].join('\r\n');
const JSON_BODY = Buffer.from('{"id":1,"contact":{"email":"alice@example.com"},"n":[1,2]}');
const JSON_MASKED = '{"id":1,"contact":{"email":"***"},"n":[1,2]}';

describe('masked answers', () => {
  it('are masked for every split of head and body, with a length that fits', async () => {
    for (let size = 1; size < 200; size += 3) {
      const got = await answered(NAMES, head(JSON_BODY.length), JSON_BODY, size);
      assert.equal(got.body.toString(), JSON_MASKED);
    }
  });

  it('keep the original under seal, hash what was forwarded, and say what was hidden', async () => {
    const { driver } = await answered(NAMES, head(JSON_BODY.length), JSON_BODY);
    const { completion } = driver.exchanges[0]!;
    assert.equal(driver.payloads.at(-1)!.bytes.toString(), JSON_BODY.toString());
    assert.equal(completion!.response!.size, JSON_MASKED.length);
    assert.deepEqual(completion!.masked, [{ path: '$..email', rule: 'contacts', count: 1 }]);
  });

  it('are masked when chunked', async () => {
    const pieces = ['{"emai', 'l":1,"x":"yy', 'y"}'].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
    const chunks = Buffer.from(`${pieces.join('')}0\r\n\r\n`);
    const got = await answered(
      NAMES,
      'HTTP/1.1 200 OK\r\nContent-Type: application/problem+json\r\nTransfer-Encoding: chunked\r\n\r\n',
      chunks,
      5,
    );
    assert.match(got.body.toString(), /^\{"email":"\*\*\*","x":"yyy"\}$/);
  });

  const CODINGS = [
    ['gzip', gzipSync, gunzipSync],
    ['br', brotliCompressSync, brotliDecompressSync],
    ['deflate', deflateSync, inflateSync],
  ] as const;
  for (const [coding, pack, unpack] of CODINGS) {
    it(`are masked in ${coding}, whole and in pieces`, async () => {
      const packed = pack(JSON_BODY);
      for (const size of [1, 7, 1 << 20]) {
        const got = await answered(NAMES, head(packed.length, `Content-Encoding: ${coding}`), packed, size);
        assert.equal(unpack(got.body).toString(), JSON_MASKED);
      }
    });
  }

  for (const [size, streams] of [
    [MAX_MASKED_BUFFER_BYTES, false],
    [MAX_MASKED_BUFFER_BYTES + 1, true],
  ] as const) {
    it(`of ${size} bytes are ${streams ? 'chunked' : 'sent with their length'}`, async () => {
      const body = Buffer.from(`["${'x'.repeat(size - 4)}"]`);
      const got = await answered(NAMES, head(body.length), body, 65536);
      assert.equal(got.head.includes('chunked'), streams);
      assert.deepEqual(got.body, body);
    });
  }

  it('of NDJSON and events are masked line by line as they come', async () => {
    const { driver, session } = await asked(NAMES);
    session.targetData(Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{"email":1}\n'));
    assert.match(driver.takeAgent().toString(), /chunked\r\n[^]*\{"email":[^]*"\*\*\*"/);
    session.targetData(Buffer.from('{"email":2}\n'));
    assert.match(driver.takeAgent().toString(), /"\*\*\*"/);
    const events = await asked(NAMES);
    events.session.targetData(Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n'));
    assert.match(events.driver.takeAgent().toString(), /^HTTP\/1\.1 200 OK/, 'the head does not wait');
    events.session.targetData(Buffer.from('id: 1\ndata: {"email":\ndata: "a@b.example"}\n\ndata: [DONE]\n\n'));
    assert.match(events.driver.takeAgent().toString(), /id: 1\ndata: \{"email":\ndata: "\*\*\*"\}\n\ndata: \[DONE\]\n\n/);
  });

  it('of text are searched, across segments and for keys over lines', async () => {
    const text = Buffer.from('to alice@example.com\n-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nend é');
    for (const size of [1, 9, 1000]) {
      const got = await answered(
        FOUND,
        `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n`,
        text,
        size,
      );
      assert.equal(got.body.toString(), 'to ***\n***\nend é');
    }
  });

  it('mask fields of the head too, and drop digests of what was changed', async () => {
    const got = await answered(FOUND, head(2, 'X-Owner: a@b.example', 'Digest: sha-256=x', 'ETag: "1"'), Buffer.from('{}'));
    assert.match(got.head, /X-Owner: \*\*\*\r\n/);
    assert.ok(!got.head.includes('Digest'));
    assert.match(got.head, /ETag: "1"/);
  });

  it('to HEAD have no length that a GET would not have', async () => {
    const { driver, session } = await asked(NAMES, 'HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n');
    session.targetData(Buffer.from(head(10)));
    assert.ok(!driver.takeAgent().toString().includes('Content-Length'));
    assert.equal(driver.exchanges[0]!.completion!.status, '200');
  });

  it('come before the answer of the next pipelined request, though they take longer', async () => {
    const { driver, session } = await asked(NAMES, 'GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n');
    const packed = gzipSync(JSON_BODY);
    session.targetData(
      Buffer.concat([Buffer.from(head(packed.length, 'Content-Encoding: gzip')), packed, Buffer.from(head(7)), Buffer.from('{"b":1}')]),
    );
    while (!driver.exchanges[1]?.completion) await driver.settle();
    assert.match(driver.takeAgent().toString('latin1'), /Content-Encoding: gzip[^]*\{"b":1\}$/);
  });

  const WITHHELD: [string, Mask[], string, string | Buffer, RegExp][] = [
    ['an image', NAMES, 'Content-Type: image/png', 'PNG', /image\/png is not known to be text or JSON/],
    ['no type', NAMES, 'X: y', '{"email":1}', /no Content-Type/],
    ['text where names are masked', NAMES, 'Content-Type: text/plain', 'email: a', /has no named members/],
    ['zstd', NAMES, 'Content-Type: application/json\r\nContent-Encoding: zstd', '....', /zstd.*cannot be opened/],
    ['two codings', NAMES, 'Content-Type: application/json\r\nContent-Encoding: gzip, br', '....', /cannot be opened/],
    ['two types', NAMES, 'Content-Type: application/json\r\nContent-Type: image/png', '{}', /is not known to be/],
    ['broken gzip', NAMES, 'Content-Type: application/json\r\nContent-Encoding: gzip', 'no gzip', /gzip coding is broken/],
    [
      'cut gzip',
      NAMES,
      'Content-Type: application/json\r\nContent-Encoding: gzip',
      gzipSync('{"email":"alice@example.com"}').subarray(0, 30),
      /gzip coding is broken/,
    ],
    ['broken JSON', NAMES, 'Content-Type: application/json', '{"email":"a@b.example",}', /cannot stand/],
    ['UTF-16', FOUND, 'Content-Type: text/plain; charset=utf-16', 'a', /character set/],
    ['a line too long', FOUND, 'Content-Type: text/plain', 'x'.repeat(MAX_MASKED_LINE_BYTES + 1), /line or event longer than/],
  ];
  for (const [name, mask, fields, body, reason] of WITHHELD) {
    it(`are withheld where they can't be masked: ${name}`, async () => {
      const { driver, session } = await asked(mask);
      session.targetData(
        Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\nContent-Length: ${body.length}\r\n\r\n`), Buffer.from(body)]),
      );
      await finished(driver);
      const got = driver.takeAgent().toString();
      assert.match(got, /^HTTP\/1\.1 502 Bad Gateway\r\n[^]*not-maskable/);
      assert.match(got, reason);
      assert.match(driver.exchanges[0]!.completion!.error!, /^withheld: /);
      assert.ok(!got.includes('a@b.example'));
    });
  }

  it('break off where a long body turns out to be no JSON', async () => {
    const { driver, session } = await asked(NAMES);
    const body = Buffer.from(`["${'x'.repeat(MAX_MASKED_BUFFER_BYTES)}",`);
    const rest = Buffer.from('{"email":"a@b.example" oops');
    session.targetData(Buffer.concat([Buffer.from(head(body.length + rest.length)), body]));
    session.targetData(rest);
    await finished(driver);
    const got = driver.takeAgent().toString('latin1');
    assert.ok(!got.includes('a@b.example') && !got.endsWith('0\r\n\r\n'));
    assert.ok(driver.events.some((event) => event.startsWith('destroy')));
  });

  it('pass a line at the limit', async () => {
    const body = Buffer.from('x'.repeat(MAX_MASKED_LINE_BYTES));
    const got = await answered(FOUND, `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`, body);
    assert.equal(got.body.length, body.length);
  });

  it('are never a tunnel', async () => {
    const { driver } = await asked(NAMES, 'GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 403[^]*becomes a tunnel/);
    assert.equal(driver.exchanges[0]!.intent.verdict.action, 'Deny');
  });
});
