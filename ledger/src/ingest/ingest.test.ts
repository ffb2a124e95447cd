import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { MAX_LINE_BYTES } from '@cairn/audit';
import { MAX_BATCH_RECORDS } from '../limits.js';
import { openLedger, type Ledger } from '../ledger.js';
import { ALICE, sqlEvent, temporaryLedger, TestStream } from '../testing/events.js';
import type { LedgerRecord } from './records.js';

let ledger: Ledger;
let folder: string;
let close: () => void;
beforeEach(() => ({ ledger, folder, close } = temporaryLedger()));
afterEach(() => close());

const select = sqlEvent(ALICE, 'SELECT', 'customers', 'SELECT email FROM customers WHERE id = $1');
const some = (count: number, stream = new TestStream()): LedgerRecord[] => Array.from({ length: count }, () => stream.record(select));

describe('ingest', () => {
  it('keeps lines byte for byte', () => {
    const records = some(450);
    assert.equal(ledger.ingest(records).events, 450);
    const stored = [...ledger.query({ order: 'oldest' })].map(({ line }) => line);
    assert.deepEqual(
      stored,
      records.map((record) => record.kind === 'event' && record.line),
    );
  });

  it('changes nothing when the same records come again, also in part and in other batches', () => {
    const records = some(MAX_BATCH_RECORDS + 300);
    ledger.ingest(records.slice(0, 700));
    const again = ledger.ingest(records);
    assert.deepEqual([again.events, again.duplicates, again.conflicts], [600, 700, 0]);
    assert.equal(ledger.ingest(records).duplicates, records.length);
    assert.equal(ledger.size(), records.length);
    assert.equal([...ledger.query({ root: ALICE.name })].length, records.length);
    assert.equal([...ledger.query({ text: 'customers' })].length, records.length);
  });

  it('goes on after a crash between batches: rows and position are one', () => {
    const records = some(2_500);
    function* crashing(): Generator<LedgerRecord> {
      yield* records.slice(0, 1_700);
      throw new Error('power is gone');
    }
    assert.throws(() => ledger.ingest(crashing(), { source: 'spool', position: '1700' }), /power is gone/);
    ledger.close();
    ledger = openLedger(folder);
    assert.equal(ledger.position('spool'), undefined);
    assert.equal(ledger.size(), MAX_BATCH_RECORDS);
    const report = ledger.ingest(records, { source: 'spool', position: '2500' });
    assert.deepEqual([report.events, report.duplicates], [1_500, 1_000]);
    assert.equal(ledger.position('spool'), '2500');
  });

  it('keeps a contradicting record aside, once, and says so', () => {
    const stream = new TestStream();
    const line = stream.line(select);
    const event = JSON.parse(line) as { id: string; integrity: object };
    const sameId = JSON.stringify({ ...event, time: '2026-02-01T00:00:00Z', integrity: { ...event.integrity, seq: 9 } });
    const sameSeq = JSON.stringify({ ...event, id: '00000000-0000-7000-8000-000000000000' });
    ledger.ingest([{ kind: 'event', line }]);
    for (let round = 0; round < 2; round++) {
      const report = ledger.ingest([sameId, sameSeq].map((each) => ({ kind: 'event', line: each })));
      assert.deepEqual([report.conflicts, report.events], [2, 0]);
    }
    assert.equal(ledger.database.all('SELECT * FROM conflicts').length, 2);
    assert.equal(ledger.event(event.id)?.line, line);
  });

  it('drops identical payloads and checkpoints, keeps a contradicting payload aside', () => {
    const stream = new TestStream().id;
    const payload = { kind: 'payload', stream, record: 3, ciphertext: Buffer.from('sealed') } as const;
    const checkpoint = { kind: 'checkpoint', stream, note: 'note' } as const;
    assert.deepEqual(ledger.ingest([payload, checkpoint]), {
      events: 0,
      payloads: 1,
      checkpoints: 1,
      duplicates: 0,
      conflicts: 0,
      rejected: 0,
    });
    const report = ledger.ingest([payload, checkpoint, { ...payload, ciphertext: Buffer.from('other') }]);
    assert.deepEqual([report.duplicates, report.conflicts], [2, 1]);
    assert.deepEqual(ledger.payload(stream, 3), Buffer.from('sealed'));
  });

  it('never stops at a broken line: it is kept with the reason', () => {
    const good = some(2);
    const line = new TestStream().line(select);
    const broken = [
      '{"id":',
      '[]',
      'null',
      '{}',
      line.replace(/"id":"[^"]*"/, '"id":"x"'),
      line.replace(/"time":"[^"]*"/, '"time":"today"'),
      line.replace('"seq":0', '"seq":-1'),
    ];
    const report = ledger.ingest([good[0]!, ...broken.map((each) => ({ kind: 'event', line: each }) as const), good[1]!], {
      source: 's',
      position: '1',
    });
    assert.deepEqual([report.events, report.rejected], [2, broken.length]);
    const kept = ledger.database.all<{ reason: string }>('SELECT reason FROM rejected ORDER BY key').map(({ reason }) => reason);
    assert.equal(kept[0], 'the line is not JSON');
    assert.equal(kept.length, broken.length);
  });

  it('takes a line of the greatest length and rejects one byte more', () => {
    const frame = new TestStream().line({ ...select, operation: { verb: 'SELECT', resource: '', effect: 'read', statement: '@' } });
    const of = (bytes: number): LedgerRecord => ({ kind: 'event', line: frame.replace('@', 'x'.repeat(bytes - frame.length + 1)) });
    assert.equal(ledger.ingest([of(MAX_LINE_BYTES)]).events, 1);
    assert.equal(ledger.ingest([of(MAX_LINE_BYTES + 1)]).rejected, 1);
  });

  it('takes members of a wrong type as an event that names nobody', () => {
    const stream = new TestStream();
    const odd = stream.record({
      root: 7,
      launch: true,
      agent: null,
      target: { name: false },
      operation: 'x',
      decision: [],
      session: 1,
    } as never);
    assert.equal(ledger.ingest([odd]).events, 1);
  });
});
