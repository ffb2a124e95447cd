import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as holds, integer, property } from 'fast-check';
import { batchesOf } from './batch.js';
import { BATCH_BYTES } from './limits.js';
import type { Message } from './message.js';

const sized = (bytes: number): Message => ({ topic: 't', key: 'k', value: Buffer.alloc(0), headers: {}, bytes });

test('a batch takes exactly its limit of bytes; one byte more begins another', () => {
  assert.equal(batchesOf([sized(BATCH_BYTES - 1), sized(1)], 10, BATCH_BYTES).length, 1);
  assert.equal(batchesOf([sized(BATCH_BYTES - 1), sized(2)], 10, BATCH_BYTES).length, 2);
});

test('a batch takes exactly its limit of records', () => {
  assert.deepEqual(
    batchesOf([1, 1, 1].map(sized), 2, 100).map((batch) => batch.length),
    [2, 1],
  );
});

test('a message beyond the limit travels alone', () => {
  assert.deepEqual(
    batchesOf([1, 101, 1].map(sized), 10, 100).map((batch) => batch.length),
    [1, 1, 1],
  );
});

test('batches keep every message, in order', () => {
  holds(
    property(array(integer({ min: 1, max: 50 })), integer({ min: 1, max: 9 }), (sizes, records) => {
      const messages = sizes.map(sized);
      const batches = batchesOf(messages, records, 60);
      assert.deepEqual(batches.flat(), messages);
      assert.ok(batches.every((batch) => batch.length > 0 && batch.length <= records));
    }),
  );
});
