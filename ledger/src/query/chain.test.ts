import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { MAX_SEARCH_WORDS } from '../limits.js';
import { ALICE, temporaryLedger, TestStream } from '../testing/events.js';
import { causalOrder } from './chain.js';
import { textSearch } from './words.js';

const launch = (id: string, depth: number, parent?: string): AuditEvent['launch'] => ({
  id,
  chain: 'a',
  ...(parent === undefined ? {} : { parent }),
  depth,
  path: Array.from({ length: depth }, (_, index) => `ns/agent-${index}`),
});
const uuid = (number: number): string => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
const exchange = (
  id: number,
  of: AuditEvent['launch'],
  cause?: number,
  direction: 'inbound' | 'outbound' = 'outbound',
): Partial<AuditEvent> => ({
  id: uuid(id),
  root: ALICE,
  launch: of!,
  session: { id: `s-${of!.id}`, seq: id, direction },
  ...(cause === undefined ? {} : { cause: uuid(cause) }),
});

describe('a chain', () => {
  it('nests by cause, else by parent, whatever clocks say; a launch alone gives what is below it', () => {
    const { ledger, close } = temporaryLedger();
    const [first, second] = [new TestStream(), new TestStream()];
    const [a, b, c] = [launch('a', 1), launch('b', 2, 'a'), launch('c', 3, 'b')];
    ledger.ingest([
      first.record(exchange(1, a), 5_000),
      first.record(exchange(2, a), 5_001),
      // The second pod's clock is five seconds behind: it answers before it is asked.
      second.record(exchange(3, b, 2, 'inbound'), 10),
      second.record(exchange(4, b, 3), 11),
      second.record({ ...exchange(5, c), stage: 'complete' }, 12),
    ]);
    const order = ledger.replay('a').map(({ event }) => Number(event.id.slice(-12)));
    assert.deepEqual(order, [1, 2, 3, 4, 5]);
    const trail = ledger.tree();
    assert.deepEqual(
      trail.launches.map((each) => each.launch.id),
      ['a'],
    );
    const called = trail.launches[0]!.outbound[1]!.launches;
    assert.deepEqual(
      called.map((each) => each.launch.id),
      ['b'],
    );
    assert.deepEqual(
      called[0]!.launches.map((each) => each.launch.id),
      ['c'],
    );
    assert.equal(ledger.tree('b').events, 3);
    assert.equal(ledger.replay('s-b').length, 2);
    assert.throws(() => ledger.tree('nobody'), /no launch or chain nobody/);
    close();
  });

  it('is walked to its end where causes were forged into a circle', () => {
    const stream = new TestStream();
    const events = [exchange(1, launch('a', 1), 2), exchange(2, launch('a', 1), 1)].map((event) => {
      const line = stream.line(event);
      return { line, event: JSON.parse(line) as AuditEvent };
    });
    assert.equal(causalOrder(events).length, 2);
  });
});

describe('a search', () => {
  it('takes words up to the limit; more are left out', () => {
    const words = (count: number): string => Array.from({ length: count }, (_, index) => `w${index}`).join(' ');
    const text = words(MAX_SEARCH_WORDS);
    assert.equal(textSearch(words(MAX_SEARCH_WORDS + 1))?.expression, textSearch(text)?.expression);
    assert.equal(textSearch(text)?.matches(words(MAX_SEARCH_WORDS - 1)), false);
    assert.equal(textSearch(text)?.matches(text), true);
  });
});
