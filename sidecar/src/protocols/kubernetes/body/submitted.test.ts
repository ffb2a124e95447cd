import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encode as cbor } from 'cborg';
import fc from 'fast-check';
import { protobufField as field } from '../../../testing/protobuf.js';
import { RequestHead } from '../../http/head.js';
import { readProtobuf } from './protobuf.js';
import { readSubmitted } from './submitted.js';

const headOf = (type: string, ...fields: string[]): RequestHead =>
  new RequestHead(
    Buffer.from(['POST / HTTP/1.1', 'Host: a', ...(type === '' ? [] : [`Content-Type: ${type}`]), ...fields, '', ''].join('\r\n')),
  );
const read = (type: string, body: Buffer | string, ...fields: string[]) => readSubmitted(headOf(type, ...fields), Buffer.from(body));

const object = (apiVersion: string, kind: string, name: string, spec = Buffer.alloc(300)): Buffer => {
  const type = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  const metadata = Buffer.concat([field(1, name), field(3, 'research')]);
  return Buffer.concat([Buffer.from('k8s\0'), field(1, type), field(2, Buffer.concat([field(1, metadata), field(2, spec)])), field(3, '')]);
};

describe('a submitted body', () => {
  test('is read by its media type', () => {
    const value = { kind: 'Pod', metadata: { name: 'a' } };
    assert.deepEqual(read('application/json; charset=utf-8', JSON.stringify(value)), { form: 'json', value });
    assert.deepEqual(read('', JSON.stringify(value)), { form: 'json', value });
    assert.deepEqual(read('application/merge-patch+json', '{"a":null}'), { form: 'json', value: { a: null } });
    assert.deepEqual(read('application/apply-patch+yaml', 'kind: Pod\nmetadata: {name: a}\n'), { form: 'yaml', value });
    assert.deepEqual(read('application/cbor', Buffer.concat([Buffer.from([0xd9, 0xd9, 0xf7]), cbor(value)])), { form: 'cbor', value });
  });

  test('in YAML is read as API servers read it: yes is true, dates and times are text', () => {
    const { value } = read('application/yaml', 'a: yes\nb: 2024-01-01\nc: 22:22\nd: "no"\n') as { value: unknown };
    assert.deepEqual(value, { a: true, b: '2024-01-01', c: '22:22', d: 'no' });
  });

  test('that is broken, coded, of another type, or has a member twice says why it was not read', () => {
    for (const [type, body, ...fields] of [
      ['application/json', '{'],
      ['application/yaml', 'a: 1\na: 2'],
      ['application/yaml', '- ['],
      ['text/plain', 'a'],
      ['application/json', '{}', 'Content-Encoding: gzip'],
      ['application/cbor', '\xff'],
      ['application/vnd.kubernetes.protobuf', 'k8s'],
    ] as [string, string, ...string[]][]) {
      assert.equal(read(type, body, ...fields).form, 'unread', body);
    }
  });

  test('in protobuf says its type and name', () => {
    const said = { apiVersion: 'batch/v1', kind: 'Job', name: 'writer', generateName: '', namespace: 'research' };
    assert.deepEqual(readProtobuf(object('batch/v1', 'Job', 'writer')), said);
  });

  test('in protobuf that ends anywhere else is never taken for a whole one, and nothing but an error comes of it', () => {
    const whole = object('batch/v1', 'Job', 'writer');
    for (let end = 0; end < whole.length; end++) {
      try {
        readProtobuf(whole.subarray(0, end));
      } catch (error) {
        assert.equal((error as Error).name, 'ProtobufError');
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const { form } = read('application/vnd.kubernetes.protobuf', Buffer.concat([Buffer.from('k8s\0'), bytes]));
        assert.ok(form === 'protobuf' || form === 'unread');
      }),
    );
  });

  test('of any bytes and any type is read or refused, and never more', () => {
    const types = fc.constantFrom('application/json', 'application/yaml', 'application/cbor', 'application/vnd.kubernetes.protobuf', 'x/y');
    fc.assert(fc.property(types, fc.uint8Array({ maxLength: 48 }), (type, bytes) => void read(type, Buffer.from(bytes)).form));
  });
});
