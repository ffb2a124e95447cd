import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { createDriver, type Driver } from '../../testing/session-driver.js';
import { spdyData, spdyOpening, spdyPing, SpdySide } from '../../testing/spdy-frames.js';
import type { Session } from '../protocol.js';
import { MAX_COMMAND_STREAMS, MAX_SPDY_CONTROL_BYTES, MAX_SPDY_FIELDS, MAX_SPDY_HEADER_BYTES } from './limits.js';
import { kubernetesProtocol } from './module.js';
import { SPDY_DICTIONARY } from './spdy-dictionary.js';
import { SpdyReader, type SpdyPiece } from './spdy.js';
import { SpdyError } from './spdy-headers.js';
import { ALLOW, TARGET } from './fixture.js';

describe('SPDY/3.1', () => {
  it('compresses against the dictionary that everybody has', () => {
    // Every zlib stream that was made with it names its checksum (RFC 1950 2.2); clients of SPDY/3 send e3c6a7c2.
    const stream = deflateSync('x', { dictionary: SPDY_DICTIONARY });
    assert.equal(stream.subarray(2, 6).toString('hex'), 'e3c6a7c2');
  });

  it('is read the same however it is cut', async () => {
    const side = new SpdySide();
    const whole = Buffer.concat([
      await side.opens(1, { streamtype: 'error' }),
      spdyPing(1),
      await side.opens(3, { streamtype: 'stdin', 'x-other': 'value' }),
      spdyData(3, 'hello'),
      spdyData(3, '', true),
    ]);
    const read = (cuts: readonly number[]): unknown[] => {
      const reader = new SpdyReader();
      const bounds = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
      return joined(bounds.slice(1).flatMap((end, index) => reader.read(whole.subarray(bounds[index], end))));
    };
    const wanted = [
      ['opened', 1, { streamtype: 'error' }],
      ['opened', 3, { streamtype: 'stdin', 'x-other': 'value' }],
      ['data', 3, 'hello', true],
    ];
    for (let at = 0; at <= whole.length; at++) assert.deepEqual(read([at]), wanted, `cut at ${at}`);
    fc.assert(fc.property(fc.array(fc.nat(whole.length), { maxLength: 12 }), (cuts) => assert.deepEqual(read(cuts), wanted)));
  });

  /** Pieces of one stream's data as one. */
  function joined(pieces: readonly SpdyPiece[]): unknown[] {
    const found: unknown[][] = [];
    for (const piece of pieces) {
      const before = found.at(-1);
      if (piece.kind === 'opened') found.push(['opened', piece.stream, Object.fromEntries(piece.headers)]);
      else if (before?.[0] === 'data' && before[1] === piece.stream && before[3] === false) {
        before[2] = `${before[2] as string}${piece.bytes.toString()}`;
        before[3] = piece.last;
      } else found.push(['data', piece.stream, piece.bytes.toString(), piece.last]);
    }
    return found;
  }

  it('has limits for frames, headers and their number', async () => {
    const read = (...chunks: Buffer[]): SpdyPiece[] => {
      const reader = new SpdyReader();
      return chunks.flatMap((chunk) => reader.read(chunk));
    };
    const frame = (size: number): Buffer => {
      const head = Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 0]);
      head.writeUIntBE(size, 5, 3);
      return head;
    };
    assert.deepEqual(read(frame(MAX_SPDY_CONTROL_BYTES)), []);
    assert.throws(() => read(frame(MAX_SPDY_CONTROL_BYTES + 1)), SpdyError);
    const headers = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, '']));
    assert.equal(read(await new SpdySide().opens(1, headers(MAX_SPDY_FIELDS))).length, 1);
    const many = await new SpdySide().opens(1, headers(MAX_SPDY_FIELDS + 1));
    assert.throws(() => read(many), /more than 64 headers/);
    const around = 4 + 4 + 'h'.length + 4;
    const sized = (size: number): Promise<Buffer> => new SpdySide().opens(1, { h: 'x'.repeat(size - around) });
    assert.equal(read(await sized(MAX_SPDY_HEADER_BYTES)).length, 1);
    const larger = await sized(MAX_SPDY_HEADER_BYTES + 1);
    assert.throws(() => read(larger), /a header block is larger than 65536 bytes/);
  });

  it('is read for as long as streams open, each against those before it', async () => {
    const [side, reader] = [new SpdySide(), new SpdyReader()];
    for (let stream = 1; stream < 4001; stream += 2) {
      const headers = { streamtype: 'data', port: String(stream), other: randomBytes(40).toString('hex') };
      const replied = Buffer.concat([await side.replies(stream, { other: headers.other }), await side.opens(stream, headers)]);
      assert.deepEqual(reader.read(replied), [{ kind: 'opened', stream, headers: new Map(Object.entries(headers)) }]);
    }
  });

  /** Blocks that could be read as other headers by others than by us. */
  for (const [what, why, block] of [
    ['goes on behind its headers', /goes on behind its headers/, (side: SpdySide) => side.raw(Buffer.from('00000000ff', 'hex'))],
    [
      'is not flushed',
      /is not compressed as it must be|does not end/,
      async (side: SpdySide) => (await side.raw(Buffer.alloc(4))).subarray(0, -4),
    ],
    [
      'goes on in a stored block',
      /is not compressed as it must be|does not end/,
      () => Buffer.from('78bbe3c6a7c200080000f7ff00000000', 'hex'),
    ],
    ['ends the compression', /does not end where its frame does/, () => deflateSync(Buffer.alloc(4), { dictionary: SPDY_DICTIONARY })],
    ['has another dictionary', /does not begin as/, () => deflateSync(Buffer.alloc(4), { dictionary: Buffer.from('x') })],
    ['has no dictionary', /does not begin as/, () => deflateSync(Buffer.alloc(4))],
    ['is not deflated', /is not compressed/, () => Buffer.from('78bbe3c6a7c2ffff', 'hex')],
  ] as const) {
    it(`is refused where a header block ${what}`, async () => {
      const frame = spdyOpening(1, await block(new SpdySide()));
      assert.throws(() => new SpdyReader().read(frame), why);
    });
  }

  it('that is anything else is an error and never more', () => {
    assert.throws(() => new SpdyReader().read(Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0])), /another version/);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          new SpdyReader().read(Buffer.concat([Buffer.from([0x80, 3, 0, 1, 0, 0, 0]), Buffer.from(bytes)]));
        } catch (error) {
          assert.ok(error instanceof SpdyError, String(error));
        }
      }),
    );
  });
});

async function exec(): Promise<{ driver: Driver; session: Session; open: (count?: number) => Promise<Buffer> }> {
  const driver = createDriver({ target: TARGET, decide: () => ALLOW });
  const session = kubernetesProtocol.open(driver.context);
  driver.attach(session);
  const fields = [
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    'X-Stream-Protocol-Version: v4.channel.k8s.io',
    'Content-Length: 0',
  ];
  session.agentData(Buffer.from(['POST /api/v1/namespaces/a/pods/b/exec?command=sh HTTP/1.1', ...fields, '', ''].join('\r\n')));
  await driver.settle();
  const switched = ['Connection: Upgrade', 'Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: v4.channel.k8s.io'];
  session.targetData(Buffer.from(['HTTP/1.1 101 Switching Protocols', ...switched, '', ''].join('\r\n')));
  driver.takeAgent();
  driver.takeTarget();
  const side = new SpdySide();
  const types = ['error', 'stdin', 'stdout', 'stderr', 'resize'];
  const open = async (count = types.length): Promise<Buffer> => {
    const opened: Buffer[] = [];
    for (let index = 0; index < count; index++) opened.push(await side.opens(2 * index + 1, { streamtype: types[index % types.length]! }));
    return Buffer.concat(opened);
  };
  return { driver, session, open };
}

describe('a remote command over SPDY/3.1', () => {
  it('is written down as a terminal session at every split, and passes byte by byte as it is', async () => {
    const [status, resize] = [
      '{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}',
      '{"Width":120,"Height":40}\n{"Width":80,"Height":24}\n',
    ];
    for (const [size, closes] of [
      [1, true],
      [5, false],
      [1 << 16, false],
    ] as const) {
      const { driver, session, open } = await exec();
      const typed = Buffer.concat([await open(), spdyData(9, resize), spdyData(3, 'ls\r')]);
      const came = Buffer.concat([spdyPing(2), spdyData(5, 'file\r\n'), spdyData(7, 'oh'), spdyData(1, status, closes)]);
      for (let at = 0; at < typed.length; at += size) session.agentData(typed.subarray(at, at + size));
      for (let at = 0; at < came.length; at += size) session.targetData(came.subarray(at, at + size));
      assert.deepEqual([driver.takeTarget(), driver.takeAgent()], [typed, came]);
      session.closed();
      const text: Record<string, string> = {};
      for (const line of driver.payloads.flatMap(({ bytes }) => bytes.toString().trim().split('\n'))) {
        const said = JSON.parse(line) as [number, string, string] | object;
        if (Array.isArray(said)) text[said[1]] = (text[said[1]] ?? '') + String(said[2]);
      }
      assert.deepEqual(text, { r: '120x4080x24', i: 'ls\r', o: 'file\r\n', e: 'oh', x: '3' }, `pieces of ${size} bytes`);
      assert.equal(driver.exchanges[0]!.completion!.status, '3');
    }
  });

  for (const [what, bytes] of [
    ['data of a stream that was not opened', spdyData(99, 'x')],
    ['a frame of another version', Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0])],
  ] as const) {
    it(`ends at ${what}, and nothing of it passes`, async () => {
      const { driver, session } = await exec();
      session.agentData(bytes);
      assert.equal(driver.takeTarget().length, 0);
      assert.match(driver.exchanges[0]!.completion!.error!, /streams are malformed/);
    });
  }

  it('has a limit of streams', async () => {
    const { driver, session, open } = await exec();
    session.agentData(await open(MAX_COMMAND_STREAMS));
    assert.equal(driver.exchanges[0]!.completion, undefined);
    const another = await exec();
    another.session.agentData(await another.open(MAX_COMMAND_STREAMS + 1));
    assert.match(another.driver.exchanges[0]!.completion!.error!, /more than 16 streams/);
  });
});
