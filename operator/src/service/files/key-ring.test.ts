import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PREVIOUS_KEYS_COUNT } from '../limits.js';
import { openKeyRing } from './key-ring.js';

test('the next key is published before it signs, the previous ones after, and all survive a restart', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-keys-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'keys.json');
  const ring = await openKeyRing(file);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const [current, next] = ring.jwks().keys.map(({ kid }) => kid);
  assert.equal(ring.current.kid, current);
  await ring.rotate();
  assert.equal(ring.current.kid, next);
  assert.deepEqual([ring.jwks().keys[0]?.kid, ring.jwks().keys[2]?.kid], [next, current]);
  const reopened = await openKeyRing(file);
  assert.deepEqual(reopened.jwks(), ring.jwks());
  for (let count = 0; count < PREVIOUS_KEYS_COUNT; count++) await reopened.rotate();
  const { keys } = reopened.jwks();
  assert.equal(keys.length, 2 + PREVIOUS_KEYS_COUNT);
  assert.ok(!keys.some(({ kid }) => kid === current), 'the oldest is published no more');
  assert.ok(keys.every((key) => !('d' in key)));
});
