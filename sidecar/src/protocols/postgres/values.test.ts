import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assert as hold, property, uint8Array } from 'fast-check';
import { attributionHint } from './hints.js';
import { binaryValue, readBinds } from './binds.js';
import { CancelKeys } from './cancel.js';
import { readColumns } from './columns.js';
import { MAX_APPLICATION_NAME_BYTES, MAX_RECORDED_BIND, MAX_RECORDED_BINDS } from './limits.js';
import { message } from './messages.js';
import { SessionNames, type Prepared } from './names.js';
import { renderPostgresPayload } from './render.js';
import { cutUtf8, readFirstPacket, refusedParameter } from './startup.js';

const word = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const long = (value: number): Buffer => Buffer.from([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
const binds = (formats: number[], values: (Buffer | null)[], results: number[] = []): Buffer =>
  Buffer.concat([
    word(formats.length),
    ...formats.map(word),
    word(values.length),
    ...values.flatMap((value) => (value ? [long(value.length), value] : [long(-1)])),
    word(results.length),
    ...results.map(word),
  ]);

describe('binds', () => {
  it('are read in text and in binary by their types', () => {
    const numeric = Buffer.concat([3, 1, 0x4000, 3, 12, 3456, 7890].map(word));
    const cases: [number, Buffer, unknown][] = [
      [16, Buffer.from([1]), true],
      [21, word(0xfffe), -2],
      [23, long(-5), -5],
      [20, Buffer.from('7fffffffffffffff', 'hex'), '9223372036854775807'],
      [701, Buffer.from('3ff8000000000000', 'hex'), 1.5],
      [701, Buffer.from('7ff8000000000000', 'hex'), 'NaN'],
      [25, Buffer.from('grüße'), 'grüße'],
      [3802, Buffer.from('\u0001{"a":1}'), '{"a":1}'],
      [2950, Buffer.from('0123456789abcdef0123456789abcdef', 'hex'), '01234567-89ab-cdef-0123-456789abcdef'],
      [1082, long(1), '2000-01-02'],
      [1184, Buffer.from('00000000000f4240', 'hex'), '2000-01-01T00:00:01.000Z'],
      [1700, numeric, '-123456.789'],
      [1700, Buffer.concat([0, 0, 0xc000, 0].map(word)), 'NaN'],
      [17, Buffer.from([1, 255]), '\\x01ff'],
      [99_999, Buffer.from([7]), '\\x07'],
      [23, Buffer.from([1]), '\\x01'],
    ];
    for (const [type, bytes, expected] of cases) assert.deepEqual(binaryValue(bytes, 0, bytes.length, type), expected, String(type));
    const body = binds([0, 1], [Buffer.from('text'), long(7)], [1]);
    assert.deepEqual(readBinds(body, 0, body.length, [25, 23]), {
      values: { 1: 'text', 2: 7 },
      count: 2,
      resultFormats: [1],
      truncated: false,
    });
    const nothing = binds([], [null]);
    assert.deepEqual(readBinds(nothing, 0, nothing.length, []).values, { 1: null });
  });

  it('are kept up to their limits, in length and number', () => {
    const fits = binds([], [Buffer.alloc(MAX_RECORDED_BIND, 97)]);
    assert.equal(readBinds(fits, 0, fits.length, []).truncated, false);
    const longer = binds([], [Buffer.alloc(MAX_RECORDED_BIND + 1, 97)]);
    const read = readBinds(longer, 0, longer.length, []);
    assert.equal(read.truncated, true);
    assert.match(String(read.values['1']), /\(1025 bytes\)$/);
    for (const extra of [0, 1]) {
      const many = binds(
        [],
        Array.from({ length: MAX_RECORDED_BINDS + extra }, () => Buffer.from('x')),
      );
      const all = readBinds(many, 0, many.length, []);
      assert.equal(Object.keys(all.values).length, MAX_RECORDED_BINDS);
      assert.equal(all.truncated, extra === 1);
    }
  });

  it('that lie about their lengths are refused, never read beyond the message', () => {
    hold(
      property(uint8Array({ maxLength: 60 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        for (const read of [
          () => readBinds(buffer, 0, buffer.length, [23, 1700, 2950]),
          () => readColumns(message('T', buffer), 0, buffer.length + 5),
          () => renderPostgresPayload(message('D', buffer)),
        ]) {
          try {
            read();
          } catch (error) {
            assert.ok(error instanceof RangeError, String(error));
          }
        }
        readFirstPacket(buffer);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a startup packet', () => {
  it('may not choose a role, replicate, or change how text is read', () => {
    const refused: Record<string, string>[] = [
      { role: 'bob' },
      { replication: 'database' },
      { replication: 'true' },
      { options: '-c role=bob' },
      { options: '-crole=bob' },
      { options: '--session-authorization=bob' },
      { options: '-c work_mem=1MB -c  standard_conforming_strings=off' },
      { options: '-c ro\\le=bob' },
      { client_encoding: 'SJIS' },
    ];
    for (const parameters of refused)
      assert.notEqual(refusedParameter(new Map(Object.entries(parameters))), undefined, JSON.stringify(parameters));
    const allowed: Record<string, string>[] = [
      { options: '-c statement_timeout=5s -c search_path=a\\ b' },
      { replication: 'off' },
      { client_encoding: 'UTF8', application_name: 'role=x' },
    ];
    for (const parameters of allowed) {
      assert.equal(refusedParameter(new Map(Object.entries(parameters))), undefined, JSON.stringify(parameters));
    }
  });

  it('is tagged with whole characters', () => {
    assert.equal(cutUtf8('é'.repeat(40), MAX_APPLICATION_NAME_BYTES), 'é'.repeat(31));
    assert.equal(cutUtf8('a'.repeat(63), MAX_APPLICATION_NAME_BYTES), 'a'.repeat(63));
    assert.equal(cutUtf8('a'.repeat(64), MAX_APPLICATION_NAME_BYTES), 'a'.repeat(63));
  });
});

describe('what a session remembers', () => {
  it('forgets the oldest cancel key beyond the limit', () => {
    const keys = new CancelKeys(2);
    const given = [1, 2, 3].map((pid) => {
      const bytes = message('K', long(pid), long(pid));
      return keys.exchange(bytes, 0, bytes.length, 0).message;
    });
    const found = given.map((bytes) => keys.find(bytes.readInt32BE(5), bytes.subarray(9))?.pid);
    assert.deepEqual(found, [undefined, 2, 3]);
  });

  it('takes a closed name back when the server skipped the Close', () => {
    const names = new SessionNames();
    const entry: Prepared = {
      name: 's',
      text: 'a',
      classified: { operations: [], statements: [], stateful: false, error: undefined },
      hint: {},
      sequence: 0,
      batch: 0,
      types: [],
      description: undefined,
      described: undefined,
      closed: false,
      previous: undefined,
    };
    names.prepare(entry);
    const closed = names.close('s', { sequence: 1, batch: 1 });
    assert.equal(names.prepared('s')?.closed, true);
    names.undo(closed!);
    assert.equal(names.prepared('s'), entry);
    names.answered(names.close('s', { sequence: 2, batch: 2 })!);
    assert.equal(names.prepared('s'), undefined);
  });

  it('reads who acts from comments, not from the rest of the text', () => {
    assert.deepEqual(attributionHint("select 1 /*traceparent='00-a-b-01',cairn_context='h%2F1'*/"), {
      traceparent: '00-a-b-01',
      handle: 'h/1',
    });
    assert.deepEqual(attributionHint("select 'cairn_context=''x''' /* nothing */"), {});
  });
});
