import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operation } from '@cairn/crds';
import { encode, Tagged } from 'cborg';
import fc from 'fast-check';
import type { Result } from '../http/dialect.js';
import { ResponseHead } from '../http/head.js';
import { protobufField as field } from '../../testing/protobuf.js';
import { resultReader } from './result.js';

const operation = (verb: string, resource = 'research/pods/'): Operation => ({ verb, resource, effect: 'read' });
const head = (type = 'application/json', more = '', status = 200): ResponseHead =>
  new ResponseHead(Buffer.from(`HTTP/1.1 ${status} X\r\nContent-Type: ${type}\r\n${more}\r\n`));

function read(verb: string, body: string, split: number): Result {
  const reader = resultReader(operation(verb), head())!;
  const bytes = Buffer.from(body);
  reader.write(bytes.subarray(0, split));
  reader.write(bytes.subarray(split));
  return reader.end();
}

const pod = (name: string, version: string): object => ({
  metadata: { name, resourceVersion: version, labels: { items: '[{"}', resourceVersion: 'no' } },
  spec: { containers: [{ env: [{}, {}] }], items: [{}] },
});
const LIST = JSON.stringify({
  kind: 'PodList',
  metadata: { resourceVersion: '42', continue: 'é"\\' },
  items: [pod('a', '7'), pod('b', '8')],
});
const TABLE = JSON.stringify({
  kind: 'Table',
  metadata: { resourceVersion: '43' },
  columnDefinitions: [{}, {}],
  rows: [{ cells: ['a', {}] }],
});
const WATCH = `${JSON.stringify({ type: 'ADDED', object: pod('a', '7') })}\n${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '99' } } })}\n`;

describe('what came back from the API server', () => {
  for (const [what, verb, body, expected] of [
    ['a list', 'list', LIST, { rows: 2, resourceVersion: '42' }],
    ['a table', 'list', TABLE, { rows: 1, resourceVersion: '43' }],
    ['a watch', 'watch', WATCH, { rows: 2, resourceVersion: '99' }],
    ['an object', 'get', JSON.stringify(pod('a', '7')), { resourceVersion: '7' }],
    ['an empty list', 'list', '{"items":[]}', { rows: 0 }],
    ['no JSON at all', 'list', 'nonsense ]}]}"', { rows: 0 }],
  ] as const) {
    it(`${what} is counted, with its resourceVersion, however it was split`, () => {
      for (let split = 0; split <= body.length; split++) assert.deepEqual(read(verb, body, split), expected);
    });
  }

  it('is read where it is JSON of a resource, and in the clear', () => {
    assert.equal(resultReader(operation('list'), head('application/yaml')), undefined);
    assert.equal(resultReader(operation('list'), head('application/json', 'Content-Encoding: gzip\r\n')), undefined);
    assert.equal(resultReader(operation('list'), head('application/json', '', 403)), undefined);
    assert.equal(resultReader(operation('get', '/version'), head()), undefined);
  });

  it('does not grow with the depth of what is read', () => {
    const deep = '['.repeat(100_000);
    assert.deepEqual(read('list', `{"items":${deep}`, 50), { rows: 1 });
  });
});

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields);
const unknown = (kind: string, raw: Buffer): Buffer =>
  message(Buffer.from('k8s\0'), field(1, message(field(1, 'v1'), field(2, kind))), field(2, raw), field(3, ''), field(4, ''));
/** With numbers of each kind behind its metadata, and fields that are numbered like those that are looked for. */
const item = (name: string, version: string): Buffer =>
  message(
    field(1, message(field(1, name), field(2, ''), field(6, version), Buffer.from([0x38, 0xac, 0x02]))),
    field(2, field(6, 'no')),
    Buffer.from('19' + '00'.repeat(8) + '25' + '00'.repeat(4), 'hex'),
  );
const listed = (...items: Buffer[]): Buffer =>
  unknown('PodList', message(field(1, message(field(1, ''), field(2, '42'))), ...items.map((each) => field(2, each))));
const event = (type: string, object: Buffer): Buffer => {
  const bytes = message(field(1, type), field(2, field(1, object)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return message(length, bytes);
};

describe('what came back from the API server in protobuf', () => {
  function readAt(verb: string, bytes: Buffer, split: number): Result {
    const reader = resultReader(operation(verb), head(verb === 'watch' ? `${PROTOBUF};stream=watch` : PROTOBUF))!;
    reader.write(bytes.subarray(0, split));
    reader.write(bytes.subarray(split));
    return reader.end();
  }

  for (const [what, verb, bytes, expected] of [
    ['a list', 'list', listed(item('a', '7'), item('b', '8'), item('c', '9')), { rows: 3, resourceVersion: '42' }],
    ['an empty list', 'list', listed(), { rows: 0, resourceVersion: '42' }],
    [
      'a watch',
      'watch',
      message(event('ADDED', unknown('Pod', item('a', '7'))), event('BOOKMARK', unknown('Pod', item('', '99')))),
      { rows: 2, resourceVersion: '99' },
    ],
    ['a watch of nothing', 'watch', Buffer.alloc(0), { rows: 0 }],
    ['an object', 'get', unknown('Pod', item('a', '7')), { resourceVersion: '7' }],
  ] as const) {
    it(`${what} is counted, with its resourceVersion, however it was split`, () => {
      for (let split = 0; split <= bytes.length; split++) assert.deepEqual(readAt(verb, bytes, split), expected, `split at ${split}`);
    });
  }

  it('is not counted where it is no object of Kubernetes, and nothing but that comes of it', () => {
    const whole = listed(item('a', '7'));
    const broken = (at: number, byte: number): Buffer => Buffer.from(whole.map((each, index) => (index === at ? byte : each)));
    assert.deepEqual(readAt('list', broken(0, 0x4b), 0), {});
    assert.deepEqual(readAt('list', broken(4, 0x0b), 0), {});
    assert.deepEqual(readAt('list', message(whole.subarray(0, 4), Buffer.alloc(11, 0xff)), 0), {});
    assert.deepEqual(readAt('watch', Buffer.from([0, 0, 0, 3, 0x12, 0x7f, 0]), 0), {}, 'an event that goes on behind its end');
    fc.assert(
      fc.property(fc.constantFrom('list', 'watch', 'get'), fc.uint8Array({ maxLength: 200 }), fc.nat(200), (verb, bytes, split) => {
        const found = readAt(verb, message(Buffer.from(verb === 'watch' ? '' : 'k8s\0'), Buffer.from(bytes)), split);
        assert.ok((found.rows ?? 0) <= bytes.length);
      }),
    );
  });
});

/** As Kubernetes writes it: text as byte strings, and what it is before the first byte. */
function cbor(json: unknown): Buffer {
  const bytes = (value: unknown): unknown => {
    if (typeof value === 'string') return Buffer.from(value);
    if (Array.isArray(value)) return value.map(bytes);
    if (typeof value !== 'object' || value === null) return value;
    return new Map(Object.entries(value).map(([name, member]) => [Buffer.from(name), bytes(member)]));
  };
  return Buffer.from(encode(new Tagged(55799, bytes(json)), { mapSorter: () => 0 }));
}

describe('what came back from the API server in CBOR', () => {
  function readAt(verb: string, bytes: Buffer, split: number): Result {
    const reader = resultReader(operation(verb), head(verb === 'watch' ? 'application/cbor-seq' : 'application/cbor'))!;
    reader.write(bytes.subarray(0, split));
    reader.write(bytes.subarray(split));
    return reader.end();
  }
  const text = 'x'.repeat(300);
  const watch = [
    { type: 'ADDED', object: pod('a', '7') },
    { type: 'BOOKMARK', object: { metadata: { resourceVersion: '99' } }, text },
  ];

  for (const [what, verb, bytes, expected] of [
    ['a list', 'list', cbor(JSON.parse(LIST)), { rows: 2, resourceVersion: '42' }],
    ['a table', 'list', cbor(JSON.parse(TABLE)), { rows: 1, resourceVersion: '43' }],
    ['an empty list', 'list', cbor({ items: [], metadata: { resourceVersion: '1' } }), { rows: 0, resourceVersion: '1' }],
    ['a list of nothing', 'list', cbor({ items: null, text, number: -1.5, big: 2 ** 40 }), { rows: 0 }],
    ['a watch', 'watch', Buffer.concat(watch.map(cbor)), { rows: 2, resourceVersion: '99' }],
    ['a watch of nothing', 'watch', Buffer.alloc(0), { rows: 0 }],
    ['an object', 'get', cbor(pod('a', '7')), { resourceVersion: '7' }],
    ['something else', 'list', cbor([[{ items: [1] }], 'items']), { rows: 0 }],
  ] as const) {
    it(`${what} is counted, with its resourceVersion, however it was split`, () => {
      for (let split = 0; split <= bytes.length; split++) assert.deepEqual(readAt(verb, bytes, split), expected, `split at ${split}`);
    });
  }

  it('is not counted where lengths are not told, and nothing but that comes of bytes of whatever kind', () => {
    assert.deepEqual(readAt('list', Buffer.from('bf6161019fff', 'hex'), 0), {});
    assert.deepEqual(readAt('list', Buffer.from('bbffffffffffffffff', 'hex'), 0), { rows: 0 });
    assert.deepEqual(readAt('list', Buffer.from('81bbffffffffffffffff', 'hex'), 0), {}, 'more than can be counted');
    fc.assert(
      fc.property(fc.constantFrom('list', 'watch', 'get'), fc.uint8Array({ maxLength: 200 }), fc.nat(200), (verb, bytes, split) => {
        assert.ok((readAt(verb, Buffer.from(bytes), split).rows ?? 0) <= bytes.length);
      }),
    );
  });

  it('does not grow with the depth of what is read', () => {
    const deep = Buffer.concat([cbor({ items: [1] }).subarray(0, -1), Buffer.alloc(1_000_000, 0x81)]);
    assert.deepEqual(readAt('list', deep, 50), { rows: 1 });
  });
});
