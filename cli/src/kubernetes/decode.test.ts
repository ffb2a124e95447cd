import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { encode, Tagged } from 'cborg';
import fc from 'fast-check';
import { decodeKubernetes, DecodeError, isKubernetesBinary, type BinaryBody } from './index.js';
import { MAX_BODY_BYTES, MAX_DEPTH, MAX_VALUES } from './limits.js';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
type Write = (to: BinaryWriter) => BinaryWriter;

const bytes = (...writes: Write[]): Buffer => Buffer.from(writes.reduce((to, write) => write(to), new BinaryWriter()).finish());
const sub =
  (field: number, content: Uint8Array): Write =>
  (to) =>
    to.tag(field, WireType.LengthDelimited).bytes(content);
const text = (field: number, content: string): Write => sub(field, Buffer.from(content));
const number =
  (field: number, value: number | bigint): Write =>
  (to) =>
    to.tag(field, WireType.Varint).int64(value);

const object = (apiVersion: string, kind: string, ...writes: Write[]): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    bytes(sub(1, bytes(text(1, apiVersion), text(2, kind))), sub(2, bytes(...writes)), text(3, ''), text(4, '')),
  ]);
const configMap = (...writes: Write[]): Buffer => object('v1', 'ConfigMap', sub(1, bytes(text(1, 'notes'), text(2, ''))), ...writes);
const frame = (message: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
};
const event = (type: string, of: Buffer): Buffer => frame(bytes(text(1, type), sub(2, bytes(sub(1, of)))));

const shown = async (body: Buffer, type = PROTOBUF): Promise<unknown[]> => (await decodeKubernetes({ bytes: body, type })).values;
const metadata = { name: 'notes' };
const NOTES = { kind: 'ConfigMap', apiVersion: 'v1', metadata };

describe("an object in Kubernetes' protobuf", () => {
  test('reads as the JSON of the API, without what JSON leaves out', async () => {
    const [read] = await shown(
      configMap(sub(2, bytes(text(1, 'a'), text(2, '1'))), sub(3, bytes(text(1, 'b'), sub(2, Buffer.from([255]))))),
    );
    assert.deepEqual(read, { ...NOTES, data: { a: '1' }, binaryData: { b: '/w==' } });
    assert.deepEqual(await shown(gzipSync(configMap()), `${PROTOBUF}; content-encoding=gzip`), [NOTES]);
  });

  test('may say a field again: messages are merged and of texts the last holds, as the API server takes them', async () => {
    const again = configMap(sub(1, bytes(text(1, 'other'))), sub(1, bytes(text(3, 'research'))));
    assert.deepEqual(await shown(again), [{ ...NOTES, metadata: { name: 'other', namespace: 'research' } }]);
  });

  test('keeps a member called __proto__, and a number that JSON readers would round as its digits', async () => {
    const [read] = await shown(configMap(sub(1, bytes(number(7, 2n ** 60n))), sub(2, bytes(text(1, '__proto__'), text(2, 'x')))));
    assert.equal(
      JSON.stringify(read),
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"notes","generation":"1152921504606846976"},"data":{"__proto__":"x"}}',
    );
  });

  test('with fields of a newer version says how many are not shown', async () => {
    const { values, notes } = await decodeKubernetes({ bytes: configMap(text(99, 'new'), number(98, 1)), type: PROTOBUF });
    assert.deepEqual([values, notes], [[NOTES], ['2 fields are not of Kubernetes v0.35.4 and not shown']]);
  });

  test('of which the record holds the beginning reads as far as that goes, and says nothing of what it does not hold', async () => {
    const item = (name: string): Write => sub(2, bytes(sub(1, bytes(text(1, name))), sub(2, bytes(text(1, 'a'), text(2, 'value')))));
    const whole = object('v1', 'ConfigMapList', sub(1, bytes(text(2, '42'))), item('one'), item('two'));
    const begins = async (length: number): Promise<unknown> =>
      (await decodeKubernetes({ bytes: whole.subarray(0, length), type: PROTOBUF, truncated: true })).values[0];
    const list = (...items: object[]): object => ({ kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: '42' }, items });
    const one = { metadata: { name: 'one' }, data: { a: 'value' } };
    assert.deepEqual(await begins(whole.length), list(one, { ...one, metadata: { name: 'two' } }));
    assert.deepEqual(await begins(whole.indexOf('two') + 3), list(one, { metadata: { name: 'two' } }));
    assert.deepEqual(await begins(whole.indexOf('two') + 2), list(one, { metadata: {} }));
    assert.deepEqual(await begins(whole.indexOf('42') + 2), {
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '42' },
    });
    await assert.rejects(shown(whole.subarray(0, -10)), DecodeError);
  });

  test('of a kind that is not known is told with its size and SHA-256', async () => {
    const unknown = object('example.com/v1', 'Thing', text(1, 'x'));
    const sha256 = createHash('sha256').update(unknown).digest('hex');
    await assert.rejects(shown(unknown), {
      name: 'DecodeError',
      message: `${unknown.length} bytes of ${PROTOBUF}, SHA-256 ${sha256}, are not shown: it is of kind "Thing" in "example.com/v1", which Kubernetes v0.35.4 does not define`,
    });
    for (const name of ['constructor', '__proto__']) await assert.rejects(shown(object(name, name)), DecodeError);
  });

  test('has times, durations and ports as JSON has them', async () => {
    const at = (seconds: number | bigint, ...more: Write[]): Write => sub(8, bytes(number(1, seconds), ...more));
    const created = async (write: Write): Promise<unknown> => {
      const [read] = await shown(object('v1', 'ConfigMap', sub(1, bytes(write))));
      return (read as { metadata: Record<string, unknown> }).metadata['creationTimestamp'];
    };
    assert.equal(await created(at(1_767_323_045)), '2026-01-02T03:04:05Z');
    assert.equal(await created(sub(8, Buffer.alloc(0))), undefined);
    assert.equal(await created(at(-62_135_596_800)), undefined, "Go's zero time");
    assert.equal(await created(at(253_402_300_799)), '9999-12-31T23:59:59Z');
    assert.deepEqual(await created(at(253_402_300_800)), { seconds: 253_402_300_800, nanos: 0 });
    assert.deepEqual(await created(at(2n ** 62n)), { seconds: String(2n ** 62n), nanos: 0 });
  });
});

describe("a watch in Kubernetes' protobuf", () => {
  const type = PROTOBUF;
  test('reads event by event; one that was cut off is told', async () => {
    const stream = Buffer.concat([event('ADDED', configMap()), event('DELETED', configMap())]);
    const events = ['ADDED', 'DELETED'].map((each) => ({ type: each, object: NOTES }));
    assert.deepEqual(await decodeKubernetes({ bytes: stream, type }), { values: events, notes: [] });
    const first = event('ADDED', configMap()).length;
    for (let length = first + 1; length < stream.length; length++) {
      const cut = await decodeKubernetes({ bytes: stream.subarray(0, length), type });
      assert.deepEqual(cut, { values: events.slice(0, 1), notes: [`the last ${length - first} bytes begin an event that does not end`] });
    }
  });

  test('that ended within its first event, or is something else, is told so', async () => {
    for (const nothing of [event('ADDED', configMap()).subarray(0, -1), Buffer.from('no protobuf at all')])
      await assert.rejects(shown(nothing), /begins neither as objects of Kubernetes do nor with an event of a watch/);
    assert.deepEqual(await shown(Buffer.alloc(0)), []);
  });

  test('may hold JSON where an object stands', async () => {
    assert.deepEqual(await shown(event('ADDED', Buffer.from('{"kind":"Thing"}')), type), [{ type: 'ADDED', object: { kind: 'Thing' } }]);
  });
});

describe('an object in CBOR', () => {
  const name = (of: string): Uint8Array => Buffer.from(of);
  const cbor = (of: unknown): Buffer => Buffer.from(encode(of));
  const thing = new Map<unknown, unknown>([
    [name('kind'), name('Thing')],
    [name('data'), new Tagged(22, Buffer.from([255]))],
    [name('list'), [1, 1.5, null, 2n ** 63n]],
  ]);
  const THING = { kind: 'Thing', data: '/w==', list: [1, 1.5, null, '9223372036854775808'] };

  test('reads as the JSON of the API; a watch as its events', async () => {
    assert.deepEqual(await shown(cbor(new Tagged(55799, thing)), 'application/cbor'), [THING]);
    const twice = Buffer.concat([cbor(thing), cbor(thing)]);
    assert.deepEqual(await shown(twice, 'application/cbor-seq'), [THING, THING]);
    await assert.rejects(shown(twice, 'application/cbor'), /goes on for \d+ bytes behind its object/);
    const cut = await decodeKubernetes({ bytes: twice.subarray(0, -1), type: 'application/cbor-seq' });
    assert.deepEqual(cut, { values: [THING], notes: [`the last ${cbor(thing).length - 1} bytes begin an event that does not end`] });
  });

  test('that says a member twice, or by something else than text, is not shown', async () => {
    const member = (key: unknown): [unknown, unknown] => [key, 1];
    await assert.rejects(shown(cbor(new Map([member(name('a')), member(name('a'))])), 'application/cbor'), /says a member twice/);
    await assert.rejects(shown(cbor(new Map([member(1)])), 'application/cbor'), /a member whose name is no text/);
    await assert.rejects(shown(Buffer.from('9f01ff', 'hex'), 'application/cbor'), /indefinite length/);
  });
});

test('what other targets mean by CBOR is theirs', () => {
  assert.equal(isKubernetesBinary('application/cbor', 'http'), false);
  assert.equal(isKubernetesBinary('application/cbor', 'kubernetes'), true);
  assert.equal(isKubernetesBinary(PROTOBUF, undefined), true);
  assert.equal(isKubernetesBinary('application/json', 'kubernetes'), false);
});

describe('limits of what is shown', () => {
  test(`${MAX_BODY_BYTES} bytes`, async () => {
    const filled = (length: number): Buffer => {
      const rest = length - configMap(text(99, 'x'.repeat(MAX_BODY_BYTES / 2))).length;
      return configMap(text(99, 'x'.repeat(MAX_BODY_BYTES / 2 + rest)));
    };
    assert.deepEqual(await shown(filled(MAX_BODY_BYTES)), [NOTES]);
    await assert.rejects(shown(filled(MAX_BODY_BYTES + 1)), /more than \d+ bytes/);
    await assert.rejects(shown(gzipSync(Buffer.alloc(MAX_BODY_BYTES + 1)), `${PROTOBUF}; content-encoding=gzip`), DecodeError);
  });

  /** A schema whose `not` holds a schema, and so on: with spec, version and validation three levels above it. */
  const nestedSchema = (levels: number): Buffer => {
    let schema = bytes(text(4, 'innermost'));
    for (let level = 1; level < levels; level++) schema = bytes(sub(28, schema));
    const version = bytes(text(1, 'v1'), sub(4, bytes(sub(1, schema))));
    return object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', sub(2, bytes(sub(7, version))));
  };

  test(`${MAX_DEPTH} levels of messages, of JSON in them and of CBOR`, async () => {
    const above = 3;
    assert.match(JSON.stringify(await shown(nestedSchema(MAX_DEPTH - above))), /innermost/);
    await assert.rejects(shown(nestedSchema(MAX_DEPTH - above + 1)), new RegExp(`more than ${MAX_DEPTH} levels deep`));
    const watched = (levels: number): Buffer => event('ADDED', Buffer.from('['.repeat(levels) + ']'.repeat(levels)));
    assert.equal((await shown(watched(MAX_DEPTH))).length, 1);
    await assert.rejects(shown(watched(MAX_DEPTH + 1)), /levels deep/);
    await assert.rejects(shown(watched(1_000_000)), /levels deep/);
    const arrays = (levels: number): Buffer => Buffer.concat([Buffer.alloc(levels, 0x81), Buffer.from([0])]);
    assert.equal((await shown(arrays(MAX_DEPTH), 'application/cbor')).length, 1);
    await assert.rejects(shown(arrays(MAX_DEPTH + 1), 'application/cbor'), /levels deep/);
  });

  test(`${MAX_VALUES} values, so that few bytes do not become much memory`, async () => {
    const array = (items: number): Buffer => {
      const head = Buffer.from([0x9a, 0, 0, 0, 0]);
      head.writeUInt32BE(items, 1);
      return Buffer.concat([head, Buffer.alloc(items)]);
    };
    assert.equal(((await shown(array(MAX_VALUES - 1), 'application/cbor'))[0] as unknown[]).length, MAX_VALUES - 1);
    await assert.rejects(shown(array(MAX_VALUES), 'application/cbor'), /more than \d+ values/);
    const pods = Buffer.alloc(2 * MAX_VALUES, Buffer.from([0x12, 0x00]));
    const list = Buffer.concat([Buffer.from('k8s\0'), bytes(sub(1, bytes(text(1, 'v1'), text(2, 'PodList'))), sub(2, pods))]);
    await assert.rejects(shown(list), /more than \d+ values/);
  });
});

describe('bytes that nobody meant as an object', () => {
  const WHOLE = [
    { bytes: configMap(sub(2, bytes(text(1, 'a'), text(2, '1')))), type: PROTOBUF },
    { bytes: Buffer.concat([event('ADDED', configMap()), event('DELETED', configMap())]), type: PROTOBUF },
    { bytes: Buffer.from(encode(new Map([[Buffer.from('a'), [1, new Tagged(22, Buffer.from('b'))]]]))), type: 'application/cbor' },
  ];
  /** Resolves whatever comes, but for errors that are no sentence. */
  const told = async (of: BinaryBody): Promise<void> => {
    await decodeKubernetes(of).then(
      ({ values }) => JSON.stringify(values),
      (error: unknown) => assert.ok(error instanceof DecodeError, String(error)),
    );
  };

  test('are shown or told to be broken wherever they are cut off', async () => {
    for (const whole of WHOLE) {
      for (let length = 0; length < whole.bytes.length; length++)
        for (const truncated of [false, true]) await told({ ...whole, bytes: whole.bytes.subarray(0, length), truncated });
    }
  });

  test('are shown or told to be broken whatever they are', async () => {
    const changes = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...WHOLE), changes, async (whole, changed) => {
        const altered = Buffer.from(whole.bytes);
        for (const [at, byte] of changed) altered[at % altered.length] = byte;
        await told({ ...whole, bytes: altered });
        await told({ ...whole, bytes: altered, truncated: true });
      }),
      { numRuns: 2_000 },
    );
    const kinds = fc.constantFrom('Pod', 'Secret', 'PodList', 'WatchEvent', 'DeleteOptions', 'Event');
    await fc.assert(
      fc.asyncProperty(kinds, fc.uint8Array({ maxLength: 300 }), async (kind, random) => {
        const head = bytes(sub(1, bytes(text(1, 'v1'), text(2, kind))), sub(2, random));
        await told({ bytes: Buffer.concat([Buffer.from('k8s\0'), head]), type: PROTOBUF });
        await told({ bytes: Buffer.from(random), type: 'application/cbor-seq' });
        await told({ bytes: Buffer.from(random), type: `${PROTOBUF}; content-encoding=gzip` });
      }),
      { numRuns: 2_000 },
    );
  });
});
