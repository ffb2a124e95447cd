import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EvidenceError } from '@cairn/audit';
import { RING_BYTES, RING_EVENTS } from './limits.js';
import { EvidenceRing } from './ring.js';

/** A stream that takes events or refuses, and says what it took. */
function stream() {
  const taken: string[] = [];
  return {
    refusing: new EvidenceError('disk-full', 'full') as EvidenceError | undefined,
    append: (head: string, tail: string) => taken.push(head + tail),
    gap: (count: number, reason: string) => void taken.push(`gap ${count} ${reason}`),
    taken,
  };
}

test('events wait while the stream refuses, and go in order once it does not', () => {
  const to = stream();
  let flushed = 0;
  const ring = new EvidenceRing(to, () => (flushed += 1));
  ring.add('a', '1');
  ring.add('bc', '2');
  ring.drain();
  assert.deepEqual(to.taken, []);
  to.refusing = undefined;
  assert.equal(ring.holding, true, 'nothing may overtake them');
  ring.drain();
  assert.deepEqual([to.taken, flushed, ring.holding], [['a1', 'bc2'], 1, false]);
});

test('events are held up to a limit; one more drops the oldest, and a gap says how many', () => {
  const to = stream();
  const ring = new EvidenceRing(to, () => undefined);
  for (let number = 0; number < RING_EVENTS + 2; number += 1) ring.add(`${number}`, '');
  to.refusing = undefined;
  ring.drain();
  assert.deepEqual([to.taken.length, to.taken[0], to.taken[1]], [RING_EVENTS + 1, 'gap 2 best-effort', '2']);
});

test('bytes are held up to a limit, too', () => {
  const to = stream();
  const ring = new EvidenceRing(to, () => undefined);
  const half = 'x'.repeat(RING_BYTES / 2);
  ring.add(half, '');
  ring.add('', half);
  ring.add('y', '');
  to.refusing = undefined;
  ring.drain();
  assert.deepEqual(
    to.taken.map((text) => text.slice(0, 5)),
    ['gap 1', 'xxxxx', 'y'],
  );
});
