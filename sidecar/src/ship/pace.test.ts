import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RETRY_FIRST_MS, RETRY_LAST_MS } from './limits.js';
import { Alarm, backOff } from './pace.js';

test('waits double from the first to the last, and never shrink below half of their length', () => {
  const longest = [1, 2, 3, 7, 1000].map((failures) => backOff(failures, () => 1));
  assert.deepEqual(longest, [RETRY_FIRST_MS, 2 * RETRY_FIRST_MS, 4 * RETRY_FIRST_MS, RETRY_LAST_MS, RETRY_LAST_MS]);
  assert.equal(
    backOff(1, () => 0),
    RETRY_FIRST_MS / 2,
  );
});

test('an alarm that rang before the wait ends it at once, and only that one', async () => {
  const alarm = new Alarm();
  alarm.wake();
  await alarm.wait(2 ** 30);
  const second = alarm.wait(2 ** 30);
  alarm.wake();
  await second;
});
