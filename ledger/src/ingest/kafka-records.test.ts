import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TOPICS } from '@cairn/audit';
import { MAX_PAYLOAD_BYTES } from '../limits.js';
import { temporaryLedger } from '../testing/events.js';
import { kafkaRecord } from './kafka-records.js';

const key = Buffer.from('stream-1');

describe('kafkaRecord', () => {
  it('reads the three topics', () => {
    const value = Buffer.from('ü');
    assert.deepEqual(kafkaRecord(TOPICS, TOPICS.events, { key, value }), { kind: 'event', line: 'ü' });
    assert.deepEqual(kafkaRecord(TOPICS, TOPICS.checkpoints, { key, value }), { kind: 'checkpoint', stream: 'stream-1', note: 'ü' });
    const headers = { stream: Buffer.from('stream-1'), record: '7' };
    assert.deepEqual(kafkaRecord(TOPICS, TOPICS.payloads, { key, value, headers }), {
      kind: 'payload',
      stream: 'stream-1',
      record: 7,
      ciphertext: value,
    });
  });

  it('gives a reason for whatever is no record', () => {
    const broken = [
      kafkaRecord(TOPICS, TOPICS.events, { key, value: null }),
      kafkaRecord(TOPICS, TOPICS.events, { key, value: Buffer.from([0xff, 0xfe]) }),
      kafkaRecord(TOPICS, TOPICS.checkpoints, { key: null, value: key }),
      kafkaRecord(TOPICS, TOPICS.payloads, { key, value: key }),
      kafkaRecord(TOPICS, TOPICS.payloads, { key, value: key, headers: { stream: key, record: '-1' } }),
    ];
    for (const record of broken) assert.equal(record.kind, 'broken');
  });
});

describe('a payload', () => {
  it('of the greatest size is taken, one byte more is rejected', () => {
    const { ledger, close } = temporaryLedger();
    const of = (record: number, size: number) => ({ kind: 'payload', stream: 's', record, ciphertext: Buffer.alloc(size) }) as const;
    const report = ledger.ingest([of(1, MAX_PAYLOAD_BYTES), of(2, MAX_PAYLOAD_BYTES + 1)]);
    assert.deepEqual([report.payloads, report.rejected], [1, 1]);
    close();
  });
});
