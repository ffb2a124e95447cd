import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GRANT_SECONDS } from '../../lineage/index.js';
import { PREVIOUS_KEYS_COUNT } from '../../service/index.js';
import type { ClusterKeyRing } from '../../state/key-ring.js';
import { KEY_MS, signingKeysController } from './index.js';

test('a key rotates once it has signed for thirty days, and not before', async () => {
  let rotations = 0;
  const ring = { published: 1000, rotate: async () => void rotations++ } as unknown as ClusterKeyRing;
  let now = 1000 + KEY_MS - 1;
  const { reconcile } = signingKeysController({ keys: () => ring }, () => now);
  const { signal } = new AbortController();
  await reconcile('ring', signal);
  assert.equal(rotations, 0);
  now += 1;
  await reconcile('ring', signal);
  assert.equal(rotations, 1);
});

test('a key stays published for as long as a grant lives that it signed', () => {
  assert.ok(PREVIOUS_KEYS_COUNT * KEY_MS >= GRANT_SECONDS * 1000);
});
