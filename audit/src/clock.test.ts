import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventClock } from './clock.js';

/** A clock whose wall and monotonic time the test sets, in milliseconds. */
function source(start: string) {
  const now = { wall: Date.parse(start), monotonic: 5000 };
  return {
    now,
    pass(milliseconds: number) {
      now.wall += milliseconds;
      now.monotonic += milliseconds;
    },
    wall: () => Math.floor(now.wall),
    monotonic: () => now.monotonic,
  };
}

test('says microseconds between the milliseconds of the wall clock', () => {
  const time = source('2026-11-22T08:00:59.999Z');
  const clock = new EventClock(time);
  assert.equal(clock.now(), '2026-11-22T08:00:59.999000Z');
  time.pass(0.25);
  assert.equal(clock.now(), '2026-11-22T08:00:59.999250Z');
  time.pass(0.75);
  assert.equal(clock.now(), '2026-11-22T08:01:00.000000Z');
});

test('follows a step forward at once', () => {
  const time = source('2026-11-22T08:00:00.000Z');
  const clock = new EventClock(time);
  clock.now();
  time.now.wall += 3_600_000;
  assert.equal(clock.now(), '2026-11-22T09:00:00.000000Z');
});

test('stands still after a step back until the wall clock has passed it', () => {
  const time = source('2026-11-22T08:00:10.000Z');
  const clock = new EventClock(time);
  const last = clock.now();
  time.now.wall -= 5000;
  time.pass(4000);
  assert.equal(clock.now(), last);
  time.pass(2000);
  assert.equal(clock.now(), '2026-11-22T08:00:11.000000Z');
});

test('never goes back with the real clock', () => {
  const clock = new EventClock();
  let last = '';
  for (let count = 0; count < 10_000; count++) {
    const now = clock.now();
    assert.match(now, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.ok(now >= last);
    last = now;
  }
});
