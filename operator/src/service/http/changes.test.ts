import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { Response } from 'express';
import { WAITERS_COUNT } from '../limits.js';
import { Changes } from './changes.js';

const LONG = 3_600_000;
const client = (): Response & EventEmitter => new EventEmitter() as Response & EventEmitter;

test('a change wakes those who wait for it and nobody else', async () => {
  const changes = new Changes();
  const one = changes.wait('a', LONG, client());
  const other = client();
  void changes.wait('b', LONG, other);
  changes.notify('a');
  await one;
  assert.equal(changes.waiting, 1);
  other.emit('close');
  assert.equal(changes.waiting, 0, 'a client that leaves is forgotten');
});

test('one waiter beyond the limit is answered at once, and closing answers all', async () => {
  const changes = new Changes();
  const waits = Array.from({ length: WAITERS_COUNT }, () => changes.wait('a', LONG, client()));
  assert.equal(changes.waiting, WAITERS_COUNT);
  await changes.wait('a', LONG, client());
  changes.close();
  await Promise.all(waits);
  assert.equal(changes.waiting, 0);
  await changes.wait('a', LONG, client());
});
