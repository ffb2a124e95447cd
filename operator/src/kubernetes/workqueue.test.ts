import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from './backoff.js';
import { createController } from './controller.js';
import { ApiError } from './api-error.js';
import { QueueFull, Workqueue } from './workqueue.js';

test('a key added often is given out once', async () => {
  const queue = new Workqueue();
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
  assert.equal(queue.length, 2);
  assert.deepEqual([await queue.take(), await queue.take()], ['a', 'b']);
  assert.equal(queue.length, 0);
});

test('a key that is worked on goes to no second worker, and comes again when it was added meanwhile', async () => {
  const queue = new Workqueue();
  queue.add('a');
  assert.equal(await queue.take(), 'a');
  queue.add('a');
  queue.add('a');
  const next = queue.take();
  queue.add('b');
  assert.equal(await next, 'b');
  queue.done('a');
  assert.equal(await queue.take(), 'a');
  queue.done('a');
  assert.equal(queue.length, 0);
});

test('of several times the earliest counts, and an add is at once', async () => {
  const queue = new Workqueue();
  queue.addAfter('a', 60_000);
  queue.addAfter('a', 1);
  assert.equal(await queue.take(), 'a');
  queue.done('a');
  queue.addAfter('a', 60_000);
  queue.add('a');
  assert.equal(await queue.take(), 'a');
  queue.close();
});

test('pauses double up to the most and never fall below half', () => {
  const limits = { firstMs: 50, mostMs: 300_000 };
  assert.equal(backoffMs(1, limits, 0), 25);
  assert.equal(backoffMs(1, limits, 0.5), 37.5);
  assert.equal(backoffMs(4, limits, 0), 200);
  assert.equal(backoffMs(1000, limits, 0.999), 150_000 + 0.999 * 150_000);
});

test('as many keys as the limit wait, one more is refused', () => {
  const queue = new Workqueue({ keysCount: 2 });
  queue.add('a');
  queue.addAfter('b', 60_000);
  assert.throws(() => queue.add('c'), QueueFull);
  assert.throws(() => queue.addAfter('c', 1), QueueFull);
  queue.add('a');
  queue.add('b');
  queue.close();
});

test('a closed queue gives out nothing, also to those who wait', async () => {
  const queue = new Workqueue();
  const waiting = queue.take();
  queue.close();
  queue.add('a');
  assert.deepEqual([await waiting, await queue.take()], [undefined, undefined]);
});

test('a key that fails is tried until it succeeds, others are not held up', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const outcomes: string[] = [];
  const controller = createController({
    name: 'test',
    workers: 2,
    retry: { firstMs: 1, mostMs: 2 },
    observe: ({ result }) => void outcomes.push(result),
    async reconcile(key) {
      seen.push(key);
      if (key === 'bad' && seen.filter((each) => each === 'bad').length < 3) throw new Error('not yet');
      if (seen.length >= 4) stop.abort();
    },
  });
  controller.queue.add('bad');
  controller.queue.add('good');
  await controller.run(stop.signal);
  assert.deepEqual(seen.toSorted(), ['bad', 'bad', 'bad', 'good']);
  assert.deepEqual(outcomes.toSorted(), ['error', 'error', 'success', 'success']);
});

test('a conflict is tried again without a word; a time that the server gave is kept', async () => {
  const stop = new AbortController();
  const said: string[] = [];
  const errors = [new ApiError(409, 'Conflict', 'somebody was faster'), new ApiError(429, 'TooManyRequests', 'later', 0.001)];
  const controller = createController({
    name: 'test',
    workers: 1,
    retry: { firstMs: 1, mostMs: 2 },
    log: ({ message }) => void said.push(message),
    async reconcile() {
      const error = errors.shift();
      if (error) throw error;
      stop.abort();
    },
  });
  controller.queue.add('a');
  await controller.run(stop.signal);
  assert.deepEqual(said, ['later']);
});
