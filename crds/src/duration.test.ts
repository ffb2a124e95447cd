import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationMillis } from './duration.js';

test('durations read as Kubernetes writes them', () => {
  assert.equal(durationMillis('30m'), 1_800_000);
  assert.equal(durationMillis('1h30m'), 5_400_000);
  assert.equal(durationMillis('90s'), 90_000);
  for (const bad of ['', '30', 'm', '1d', '-1m', '1.5h', ' 1m']) assert.ok(Number.isNaN(durationMillis(bad)), bad);
});
