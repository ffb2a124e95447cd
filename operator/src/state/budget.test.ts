import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Budget } from './budget.js';

test('a burst passes at once, one beyond waits for its time, and a long quiet saves no more than a burst', () => {
  let now = 0;
  const budget = new Budget(10, 3, () => now);
  const taken = (): number => {
    let count = 0;
    while (budget.take()) count++;
    return count;
  };
  assert.equal(taken(), 3);
  now = 99;
  assert.equal(taken(), 0);
  now = 100;
  assert.equal(taken(), 1);
  now = 100_000;
  assert.equal(taken(), 3);
  now = 99_000;
  assert.equal(taken(), 0, 'a clock that steps back gives nothing');
});
