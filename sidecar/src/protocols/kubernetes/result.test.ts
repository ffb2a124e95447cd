import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operation } from '@cairn/crds';
import type { Result } from '../http/dialect.js';
import { ResponseHead } from '../http/head.js';
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
    assert.equal(resultReader(operation('list'), head('application/vnd.kubernetes.protobuf')), undefined);
    assert.equal(resultReader(operation('list'), head('application/json', 'Content-Encoding: gzip\r\n')), undefined);
    assert.equal(resultReader(operation('list'), head('application/json', '', 403)), undefined);
    assert.equal(resultReader(operation('get', '/version'), head()), undefined);
  });

  it('does not grow with the depth of what is read', () => {
    const deep = '['.repeat(100_000);
    assert.deepEqual(read('list', `{"items":${deep}`, 50), { rows: 1 });
  });
});
