import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { derivedUuidv7, uuidv7, uuidv7Time } from './uuid.js';

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('ids have the form of RFC 9562, carry the time, and each sorts after the one before', () => {
  const before = Date.now();
  let last = '';
  const random = new Set<string>();
  for (let count = 0; count < 50_000; count++) {
    const id = uuidv7();
    assert.match(id, FORM);
    assert.ok(id > last, `${id} does not sort after ${last}`);
    random.add(id.slice(20));
    last = id;
  }
  assert.equal(random.size, 50_000);
  assert.ok(uuidv7Time(last) >= before && uuidv7Time(last) <= Date.now() + 50);
});

test('ids stay in order when a millisecond holds more than its counter, and when the clock steps back', () => {
  const now = Date.now() + 60_000;
  mock.method(Date, 'now', () => now);
  const ids = Array.from({ length: 10_000 }, uuidv7);
  mock.method(Date, 'now', () => now - 30_000);
  ids.push(...Array.from({ length: 10 }, uuidv7));
  mock.restoreAll();
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(uuidv7Time(ids.at(-1)!) >= now);
});

test('all variants and random digits occur', () => {
  const variants = new Set(Array.from({ length: 1000 }, () => uuidv7().charAt(19)));
  assert.deepEqual(variants, new Set(['8', '9', 'a', 'b']));
});

test('a derived id is the same for the same time and material, and another for any other', () => {
  const id = derivedUuidv7(1_790_000_000_000, 'person\npod');
  assert.match(id, FORM);
  assert.equal(uuidv7Time(id), 1_790_000_000_000);
  assert.equal(derivedUuidv7(1_790_000_000_000, 'person\npod'), id);
  assert.notEqual(derivedUuidv7(1_790_000_000_000, 'person\npoe'), id);
  assert.notEqual(derivedUuidv7(1_790_000_000_001, 'person\npod'), id);
});
