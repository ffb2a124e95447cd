import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { applyPatch } from './fixture.js';
import { jsonPatch } from './patch.js';

test('says only what differs, with keys escaped as RFC 6901 says', () => {
  const before = { metadata: { annotations: { 'a/b': '1', 'c~d': '2', e: '3' } }, list: [1, { x: 1 }], gone: true };
  const after = { metadata: { annotations: { 'a/b': '9', 'c~d': '2', 'f/g': '4' } }, list: [1, { x: 2 }], gone: undefined };
  assert.deepEqual(jsonPatch(before, after), [
    { op: 'remove', path: '/gone' },
    { op: 'remove', path: '/metadata/annotations/e' },
    { op: 'replace', path: '/metadata/annotations/a~1b', value: '9' },
    { op: 'add', path: '/metadata/annotations/f~1g', value: '4' },
    { op: 'replace', path: '/list/1/x', value: 2 },
  ]);
});

test('a list that only grew is added to at its end; any other change of length replaces it', () => {
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  const added = jsonPatch({ list: [a] }, { list: [a, b, { name: 'c' }] });
  assert.deepEqual(added, [
    { op: 'add', path: '/list/-', value: b },
    { op: 'add', path: '/list/-', value: { name: 'c' } },
  ]);
  assert.deepEqual(applyPatch({ list: [a] }, added), { list: [a, b, { name: 'c' }] });
  assert.deepEqual(jsonPatch({ list: [a] }, { list: [b, a] }), [{ op: 'replace', path: '/list', value: [b, a] }]);
  assert.deepEqual(jsonPatch({ list: [a, b] }, { list: [a] }), [{ op: 'replace', path: '/list', value: [a] }]);
});

test('applied to the one object it makes the other, whatever they are', () => {
  const keys = fc.oneof(fc.constantFrom('constructor', 'toString', 'a/b', '~1'), fc.string()).filter((key) => key !== '__proto__');
  const any = fc.dictionary(keys, fc.oneof(fc.array(fc.dictionary(keys, fc.integer())), fc.dictionary(keys, fc.string()), fc.integer()));
  fc.assert(
    fc.property(any, any, (before, after) => {
      const json = (value: object): object => JSON.parse(JSON.stringify(value)) as object;
      assert.deepEqual(json(applyPatch(json(before), jsonPatch(before, after))), json(after));
      assert.deepEqual(jsonPatch(after, after), []);
    }),
  );
});
