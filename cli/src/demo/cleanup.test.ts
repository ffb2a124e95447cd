import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cleanup } from './cleanup.js';

test('undoes in reverse order, once, and goes on after a failure', async () => {
  const cleanup = new Cleanup();
  const done: string[] = [];
  cleanup.defer(() => void done.push('first'));
  cleanup.defer(() => Promise.reject(new Error('it hangs')));
  cleanup.defer(() => void done.push('last'));
  await Promise.all([cleanup.run(), cleanup.run()]);
  await cleanup.run();
  assert.deepEqual(done, ['last', 'first']);
});
