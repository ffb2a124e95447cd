import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assert as assertProperty, property, string } from 'fast-check';
import type { Ledger } from '../ledger.js';
import { ALICE, BOB, sqlEvent, temporaryLedger, TestStream } from '../testing/events.js';
import type { LedgerRecord } from '../ingest/records.js';
import { MAX_PROBED_VALUES, NARROW_EVENTS } from '../limits.js';
import { LOOKUP_STATEMENTS, resolveFilter } from './filter.js';
import { pageStatement } from './page.js';
import type { QueryOptions } from './query.js';
import { matchStatement } from './text.js';

const CHAIN = { id: 'l-1', chain: 'l-1', depth: 1, path: ['research/planner'] };
const CHILD = { id: 'l-2', chain: 'l-1', parent: 'l-1', depth: 2, path: ['research/planner', 'data/writer'] };
const WRITER = { name: 'writer', namespace: 'data', pod: 'writer-0', uid: 'uid-writer', node: 'node-1' };

const EVENTS = [
  { ...sqlEvent(ALICE, 'SELECT', 'customers', 'SELECT email FROM customers'), launch: CHAIN },
  { ...sqlEvent(ALICE, 'DROP', 'orders', 'DROP TABLE orders'), launch: CHILD, agent: WRITER },
  {
    ...sqlEvent(BOB, 'SELECT', 'orders', 'SELECT total FROM orders -- Zürich'),
    session: { id: 's-1', seq: 1, direction: 'outbound' as const },
  },
  { ...sqlEvent(BOB, 'UPDATE', 'orders', 'UPDATE orders SET total = 0'), target: { name: 'crm', host: 'crm.internal', port: 443 } },
  { stage: 'stream.open' as const },
];

describe('query', () => {
  let ledger: Ledger;
  let close: () => void;
  before(() => {
    ({ ledger, close } = temporaryLedger());
    const stream = new TestStream();
    ledger.ingest(EVENTS.map((event) => stream.record(event)));
  });
  after(() => close());

  /** Places in EVENTS of what was found, as found. */
  const found = (options: QueryOptions): number[] =>
    [...ledger.query({ order: 'oldest', ...options })].map(({ event }) => event.integrity.seq);

  const cases: [string, QueryOptions, number[]][] = [
    ['everything', {}, [0, 1, 2, 3, 4]],
    ['the name of the root', { root: 'alice@example.com' }, [0, 1]],
    ['the subject of the root', { root: 'u-2' }, [2, 3]],
    ['a group', { group: 'analysts' }, [0, 1]],
    ['a group of several people, merged by time', { group: 'staff' }, [0, 1, 2, 3]],
    ['an agent', { agent: 'writer' }, [1]],
    ['an agent and its namespace', { agent: 'data/writer' }, [1]],
    ['an agent of another namespace', { agent: 'research/writer' }, []],
    ['a target', { target: 'crm' }, [3]],
    ['a target by its address', { target: 'orders.data.svc:5432' }, [0, 1, 2]],
    ['a verb, in any case', { verb: 'select' }, [0, 2]],
    ['a decision', { decision: 'Deny' }, [1]],
    ['a launch', { launch: 'l-2' }, [1]],
    ['a chain', { chain: 'l-1' }, [0, 1]],
    ['a session', { session: 's-1' }, [2]],
    ['since, inclusive', { since: '2026-01-01T00:00:00.003Z' }, [3, 4]],
    ['until, exclusive', { until: '2026-01-01T00:00:00.002Z' }, [0, 1]],
    ['a word of the statement', { text: 'email' }, [0]],
    ['several words in any order', { text: 'FROM total' }, [2]],
    ['a prefix', { text: 'custom*' }, [0]],
    ['letters with marks, in any case', { text: 'ZURICH' }, [2]],
    ['words that nothing holds', { text: 'nothing' }, []],
    ['a text without any word', { text: '"*();--' }, []],
    ['all together', { root: 'u-2', group: 'staff', verb: 'SELECT', text: 'orders', since: '2026-01-01T00:00:00Z' }, [2]],
    ['a filter nobody meets', { root: 'carol' }, []],
    ['newest first', { order: 'newest', limit: 2 }, [4, 3]],
    ['the newest of a word', { text: 'orders', order: 'newest', limit: 2 }, [3, 2]],
    ['no events at all', { limit: 0 }, []],
  ];
  for (const [name, options, expected] of cases) it(`finds by ${name}`, () => assert.deepEqual(found(options), expected));

  it('says which time is none', () => {
    assert.throws(() => found({ since: 'yesterday' }), /since is not a time/);
  });

  it('takes any text without an error of syntax', () => {
    const odd = [
      '"',
      "'",
      'a"b',
      'a AND',
      'NEAR(a b)',
      '*',
      'a*b*',
      '^a',
      'a:b',
      '-a',
      '{a}',
      '\0',
      '\u{1f600}',
      'ﬁ',
      '日本語',
      'ß',
      'ǅ',
      '\u0301',
      '\ud800',
    ];
    for (const text of odd) found({ text });
    assertProperty(
      property(string({ unit: 'binary' }), (text) => found({ text }).length >= 0),
      { numRuns: 300 },
    );
    assertProperty(
      property(string(), string(), (root, agent) => found({ root, agent }).length === 0),
      { numRuns: 100 },
    );
  });
});

describe('plans', () => {
  it('use an index in every query, and sort nothing but one page', () => {
    const { ledger, close } = temporaryLedger();
    const stream = new TestStream();
    ledger.ingest(EVENTS.map((event) => stream.record(event)));
    const { database } = ledger;
    const plan = (sql: string, binds: readonly never[]): string =>
      database
        .all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, binds)
        .map(({ detail }) => detail)
        .join('\n');
    const cursor = { time: 1n, key: 1 };
    const single = ['root', 'agent', 'target', 'verb', 'decision', 'launch', 'session'] as const;
    const values = { root: 'u-1', agent: 'writer', target: 'crm', verb: 'DROP', decision: 'Deny', launch: 'l-2', session: 's-1' };
    for (const filter of [
      {},
      ...single.map((name) => ({ [name]: values[name] })),
      { chain: 'l-1' },
      { group: 'staff' },
      { ...values, group: 'staff' },
    ]) {
      const resolved = resolveFilter(database, { ...filter, since: '2026-01-01T00:00:00Z', until: '2027-01-01T00:00:00Z' })!;
      for (const order of ['newest', 'oldest'] as const) {
        for (const at of [undefined, cursor]) {
          const { sql, binds } = pageStatement(resolved, order, at, 50);
          const steps = plan(sql, binds as never[]);
          assert.match(steps, /SEARCH events USING (COVERING )?INDEX events_\w+ \(/, steps);
          assert.doesNotMatch(steps, /SCAN (events|lines|e)\b/, steps);
          // The one sort is that of the page around its lines.
          assert.ok((steps.match(/TEMP B-TREE/g) ?? []).length <= 1, steps);
        }
      }
    }
    const { sql, binds } = matchStatement(resolveFilter(database, { verb: 'DROP', text: 'orders' })!, '"orders"', 'newest', 9, 50);
    assert.doesNotMatch(plan(sql, binds as never[]), /SCAN e\b|TEMP B-TREE/);
    for (const lookup of LOOKUP_STATEMENTS) assert.doesNotMatch(plan(lookup, []), /SCAN/, lookup);
    close();
  });
});

describe('two filters that few events share', () => {
  for (const people of [MAX_PROBED_VALUES, MAX_PROBED_VALUES + 1]) {
    it(`are found ${people > MAX_PROBED_VALUES ? 'by their rows' : 'by their indexes alone'} with ${people} people in the group`, () => {
      const { ledger, close } = temporaryLedger();
      const stream = new TestStream();
      const records = Array.from({ length: 40 * people }, (_, index) => {
        const root = { ...ALICE, sub: `u-${index % people}`, groups: ['few'] };
        return stream.record(sqlEvent(root, index % (4 * people) === 0 ? 'DROP' : 'SELECT', 'orders', 'SELECT 1'), index);
      });
      ledger.ingest(records);
      const resolved = resolveFilter(ledger.database, { group: 'few', verb: 'DROP' })!;
      const { sql, binds } = pageStatement(resolved, 'newest', undefined, 50);
      const plan = ledger.database.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, binds).map(({ detail }) => detail);
      const steps = plan.filter((detail) => /\b(events|o)\b/.test(detail));
      assert.ok(steps.length > 0);
      assert.equal(
        steps.every((detail) => detail.includes('USING COVERING INDEX')),
        people <= MAX_PROBED_VALUES,
        steps.join('\n'),
      );
      assert.equal([...ledger.query({ group: 'few', verb: 'DROP' })].length, 10);
      assert.equal([...ledger.query({ group: 'few', verb: 'UPDATE' })].length, 0);
      close();
    });
  }
});

describe('order of time', () => {
  const shuffled = (count: number): { records: LedgerRecord[]; times: number[] } => {
    const times = Array.from({ length: count }, (_, index) => (index * 7919) % count);
    const stream = new TestStream();
    const records = times.map((time, index) => {
      const root = { ...ALICE, sub: `u-${index % 150}`, groups: ['everyone'] };
      return stream.record(sqlEvent(root, 'SELECT', 'orders', `SELECT total FROM orders WHERE n = ${index % 2 ? 'odd' : 'even'}`), time);
    });
    return { records, times };
  };

  for (const [name, options] of [
    ['no filter', {}],
    ['more people than are merged in one statement', { group: 'everyone' }],
    ['full text over many pages', { text: 'total' }],
    ['full text and a wide filter', { text: 'orders', verb: 'SELECT' }],
  ] as [string, QueryOptions][]) {
    it(`holds across pages however events arrived: ${name}`, () => {
      const { ledger, close } = temporaryLedger();
      const { records, times } = shuffled(2_500);
      ledger.ingest(records);
      const start = Date.UTC(2026, 0, 1);
      const timesOf = (more: QueryOptions): number[] =>
        [...ledger.query({ ...options, ...more })].map(({ event }) => Date.parse(event.time) - start);
      const sorted = times.toSorted((a, b) => a - b);
      assert.deepEqual(timesOf({ order: 'oldest' }), sorted);
      assert.deepEqual(timesOf({ order: 'newest' }), sorted.toReversed());
      assert.deepEqual(timesOf({ limit: 70 }), sorted.toReversed().slice(0, 70));
      close();
    });
  }

  it('holds for full text beyond the width that is searched by other conditions', () => {
    const { ledger, close } = temporaryLedger();
    const { records } = shuffled(NARROW_EVENTS + 1_000);
    ledger.ingest(records);
    const odd = [...ledger.query({ text: 'odd', verb: 'SELECT', limit: 100 })].map(({ event }) => event.time);
    assert.deepEqual(odd, odd.toSorted().toReversed());
    assert.equal(odd.length, 100);
    const all = [...ledger.query({ group: 'everyone', limit: 100 })].filter(({ event }) => event.operation!.statement!.endsWith('odd'));
    assert.deepEqual(
      odd.slice(0, all.length),
      all.map(({ event }) => event.time),
    );
    close();
  });
});
