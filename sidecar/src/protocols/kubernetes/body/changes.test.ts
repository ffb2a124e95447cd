import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { objectFields, patchChanges, type PatchType } from './changes.js';
import { MAX_CHANGES, MAX_FIELD_CHARS, MAX_FIELD_DEPTH } from './limits.js';

const table: [name: string, type: PatchType, patch: unknown, sets: string[], removes: string[]][] = [
  ['a scale', 'merge', { spec: { replicas: 3 } }, ['spec.replicas'], []],
  [
    'null in a merge patch removes (RFC 7386)',
    'merge',
    { metadata: { labels: { a: null, 'app.kubernetes.io/name': 'x' } } },
    ['metadata.labels["app.kubernetes.io/name"]'],
    ['metadata.labels.a'],
  ],
  ['a merge patch replaces lists', 'merge', { spec: { containers: [{ name: 'a' }] } }, ['spec.containers'], []],
  [
    'a strategic patch goes into lists by their keys',
    'strategic',
    { spec: { template: { spec: { containers: [{ name: 'web', image: 'web:2', env: [{ name: 'A', value: '1' }] }] } } } },
    ['spec.template.spec.containers[name=web].image', 'spec.template.spec.containers[name=web].env[name=A].value'],
    [],
  ],
  [
    'directives of a strategic patch',
    'strategic',
    {
      spec: { a: { $patch: 'replace', b: 1 }, ports: [{ containerPort: 80, $patch: 'delete' }], $retainKeys: ['a'] },
      metadata: { '$deleteFromPrimitiveList/finalizers': ['x'], '$setElementOrder/finalizers': ['y'] },
    },
    ['spec.a'],
    ['spec.ports[containerPort=80]', 'metadata.finalizers'],
  ],
  [
    'an applied object sets what it names, and identifies itself',
    'apply',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'b', labels: { c: 'd' } }, data: {} },
    ['metadata.labels.c', 'data'],
    [],
  ],
  [
    'a JSON patch',
    'json',
    [
      { op: 'replace', path: '/spec/replicas', value: 3 },
      { op: 'remove', path: '/metadata/labels/a~1b' },
      { op: 'test', path: '/spec/x', value: 1 },
      { op: 'move', from: '/a', path: '/b' },
      { op: 'add', path: '/spec/containers/0', value: {} },
    ],
    ['spec.replicas', 'b', 'spec.containers[0]'],
    ['metadata.labels["a/b"]', 'a'],
  ],
];
for (const [name, type, patch, sets, removes] of table) {
  test(name, () => assert.deepEqual(patchChanges(type, patch), { sets, removes }));
}

test('a body that is no patch of its type is none', () => {
  for (const value of [null, 1, 'a', []]) assert.equal(patchChanges('merge', value), undefined);
  assert.equal(patchChanges('json', {}), undefined);
});

test('as many fields are named as the limit says, and the rest is counted', () => {
  const patch = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 1]));
  assert.equal(patchChanges('merge', patch(MAX_CHANGES))!.sets.at(-1), `f${MAX_CHANGES - 1}`);
  const { sets } = patchChanges('merge', patch(MAX_CHANGES + 1))!;
  assert.deepEqual([sets.length, sets.at(-1)], [MAX_CHANGES + 1, '1 more']);
});

test('names are cut, and what lies too deep is told as what holds it', () => {
  assert.equal(patchChanges('merge', { ['x'.repeat(MAX_FIELD_CHARS)]: 1 })!.sets[0]!.length, MAX_FIELD_CHARS);
  assert.equal(patchChanges('merge', { ['x'.repeat(MAX_FIELD_CHARS + 1)]: 1 })!.sets[0]!.length, MAX_FIELD_CHARS + 3);
  const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
  const depth = (levels: number): number => patchChanges('merge', nested(levels))!.sets[0]!.split('.').length;
  assert.equal(depth(MAX_FIELD_DEPTH), MAX_FIELD_DEPTH);
  assert.equal(depth(MAX_FIELD_DEPTH + 1), MAX_FIELD_DEPTH);
});

test('fields of a whole object are told to the depth that is asked for', () => {
  const object = { apiVersion: 'v1', kind: 'A', metadata: { name: 'a', labels: { b: 'c' } }, spec: { replicas: 1, template: { x: 1 } } };
  assert.deepEqual(objectFields(object, 2), ['metadata.labels', 'spec.replicas', 'spec.template']);
});

test('whatever is sent, what is told is bounded text without lone surrogates', () => {
  const type = fc.constantFrom<PatchType>('json', 'merge', 'strategic', 'apply');
  fc.assert(
    fc.property(type, fc.jsonValue({ noUnicodeString: false }), (each, value) => {
      const found = patchChanges(each, value);
      for (const path of [...(found?.sets ?? []), ...(found?.removes ?? []), ...objectFields(value, 2)]) {
        assert.ok(path.length <= MAX_FIELD_CHARS + 3 && Buffer.from(path).toString() === path, path);
      }
    }),
  );
});
