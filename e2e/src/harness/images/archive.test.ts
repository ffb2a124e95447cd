import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toEvict } from './archive.js';
import { KEPT_ARCHIVES, KEPT_MS } from './limits.js';

const NOW = 10 * KEPT_MS;
/** Archives a minute apart, the last used at `newest`. */
const archives = (count: number, newest: number) =>
  Array.from({ length: count }, (_, index) => ({ path: `archive-${index}`, used: newest - index * 60_000 }));

describe('archives in the cache', () => {
  test('stay, as many as the limit says', () => {
    assert.deepEqual(toEvict(archives(KEPT_ARCHIVES, NOW - 2 * KEPT_MS), NOW), []);
  });

  test('beyond it the one goes that was not used for longest', () => {
    const found = archives(KEPT_ARCHIVES + 1, NOW - 2 * KEPT_MS).reverse();
    assert.deepEqual(toEvict(found, NOW), [`archive-${KEPT_ARCHIVES}`]);
  });

  test('but not one that somebody may be importing', () => {
    assert.deepEqual(toEvict(archives(KEPT_ARCHIVES + 1, NOW), NOW), []);
  });
});
