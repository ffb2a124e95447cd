import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantile, rowsOf } from './row.js';

test('ratios compare round with round, then take the median', () => {
  const rounds = (...pairs: [number, number][]) => pairs.map(([rate, cpuMicroseconds]) => ({ rate, cpuMicroseconds }));
  const [peer, ours] = rowsOf([
    { name: 'nginx', rounds: rounds([100, 10], [50, 20], [100, 10]) },
    { name: 'Cairn', peer: 'nginx', rounds: rounds([80, 15], [40, 30], [10, 90]), rssMegabytes: 61.27 },
  ]);
  assert.deepEqual([ours!.rate_ratio, ours!.cpu_ratio, ours!.rate, ours!.cpu_us, ours!.rss_mb], [0.8, 1.5, 40, 30, 61.3]);
  assert.deepEqual([peer!.rate_ratio, peer!.cpu_ratio, peer!.p99_ms], [null, null, null]);
});

test('quantiles interpolate between neighbours', () => {
  assert.equal(quantile([], 0.5), undefined);
  assert.equal(quantile([7], 0.99), 7);
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
});
