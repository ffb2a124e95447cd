import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differing } from './compare.js';

test('outputs that differ in nothing but numbers of the server are the same', () => {
  assert.deepEqual(differing('a\npg_temp_3.t\n', 'a\npg_temp_4.t\n'), []);
  assert.deepEqual(differing('   Buffers: shared hit=9 read=2', '   Buffers: shared hit=11 read=2'), []);
  assert.deepEqual(differing('  9835 | r       |        10768', ' 19839 | r       |        10764'), []);
  assert.deepEqual(differing(' 9835 | 7', ' 9835 | 8'), ['- 1:  9835 | 7', '+ 1:  9835 | 8']);
});

test('a line that differs, or is missing, is told with its place', () => {
  assert.deepEqual(differing('a\nb', 'a\nc'), ['- 2: b', '+ 2: c']);
  assert.deepEqual(differing('a\nb', 'a'), ['- 2: b', '+ 2: (nothing)']);
});
