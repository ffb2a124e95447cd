import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { PayloadReference } from '@cairn/audit';
import * as fc from 'fast-check';
import { StreamBody, type CaptureOptions } from './body.js';

const KEEP: CaptureOptions = { keep: true, maxBytes: 10, type: 'text/plain' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A stream that keeps its payload in records; `nextTurn` begins another. */
class Records {
  readonly records: Buffer[] = [Buffer.alloc(0)];

  nextTurn(): void {
    this.records.push(Buffer.alloc(0));
  }

  payload(parts: readonly Uint8Array[], type: string): PayloadReference {
    const record = this.records.length - 1;
    const offset = this.records[record]!.length;
    const bytes = Buffer.concat(parts);
    this.records[record] = Buffer.concat([this.records[record]!, bytes]);
    return { record, offset, length: bytes.length, type };
  }

  read(references: readonly PayloadReference[] = []): string {
    return references.map(({ record, offset, length }) => this.records[record]!.toString('utf8', offset, offset + length)).join('');
  }
}

describe('a body', () => {
  it('that is empty has a size and nothing else', () => {
    assert.deepEqual(new StreamBody(new Records(), KEEP).finish(), { size: 0 });
    const added = new StreamBody(new Records(), KEEP);
    added.add(Buffer.alloc(0));
    assert.deepEqual(added.finish(), { size: 0 });
  });

  it('of one turn is one piece, however many chunks it came in', () => {
    const records = new Records();
    const body = new StreamBody(records, KEEP);
    for (const part of ['ab', '', 'cd', 'e']) body.add(Buffer.from(part));
    assert.deepEqual(body.finish(), {
      size: 5,
      sha256: sha256('abcde'),
      payload: [{ record: 0, offset: 0, length: 5, type: 'text/plain' }],
    });
  });

  it('of several turns is a piece of each turn', () => {
    const records = new Records();
    const body = new StreamBody(records, KEEP);
    for (const part of ['ab', 'cd', 'ef']) {
      body.add(Buffer.from(part));
      records.nextTurn();
    }
    const { payload, ...rest } = body.finish();
    assert.deepEqual(rest, { size: 6, sha256: sha256('abcdef') });
    assert.deepEqual(
      payload?.map(({ record, offset, length }) => [record, offset, length]),
      [
        [0, 0, 2],
        [1, 0, 2],
        [2, 0, 2],
      ],
    );
    assert.equal(records.read(payload), 'abcdef');
  });

  it('whose turn another body shares is several pieces', () => {
    const records = new Records();
    const body = new StreamBody(records, KEEP);
    body.add(Buffer.from('ab'));
    records.payload([Buffer.from('other')], 'x');
    body.add(Buffer.from('cd'));
    const { payload } = body.finish();
    assert.equal(payload?.length, 2);
    assert.equal(records.read(payload), 'abcd');
  });

  for (const [length, kept, truncated] of [
    [9, 9, undefined],
    [10, 10, undefined],
    [11, 10, true],
    [30, 10, true],
  ] as const) {
    for (const chunk of [1, 4, 30]) {
      it(`of ${length} bytes in chunks of ${chunk} is kept with ${kept} of at most 10`, () => {
        const records = new Records();
        const body = new StreamBody(records, KEEP);
        const text = 'x'.repeat(length);
        for (let at = 0; at < length; at += chunk) body.add(Buffer.from(text.slice(at, at + chunk)));
        const finished = body.finish();
        assert.equal(finished.size, length);
        assert.equal(finished.sha256, sha256(text));
        assert.equal(finished.truncated, truncated);
        assert.equal(records.read(finished.payload).length, kept);
      });
    }
  }

  it('that was changed is sealed as it came, and hashed and counted as it went', () => {
    const records = new Records();
    const body = new StreamBody(records, KEEP);
    body.addChanged(Buffer.from('secret'), Buffer.from('***'));
    body.addChanged(Buffer.from('!'), Buffer.alloc(0));
    const finished = body.finish();
    assert.equal(finished.size, 3);
    assert.equal(finished.sha256, sha256('***'));
    assert.equal(records.read(finished.payload), 'secret!');
  });

  it('that is not to be kept leaves no payload and is not cut', () => {
    const records = new Records();
    const body = new StreamBody(records, { ...KEEP, keep: false });
    body.add(Buffer.from('x'.repeat(30)));
    assert.deepEqual(body.finish(), { size: 30, sha256: sha256('x'.repeat(30)) });
    assert.equal(records.records[0]!.length, 0);
  });

  it('without an auditor key is counted and hashed', () => {
    const body = new StreamBody({ payload: () => undefined }, KEEP);
    body.add(Buffer.from('abc'));
    assert.deepEqual(body.finish(), { size: 3, sha256: sha256('abc') });
  });

  it('has the same size, hash and content for any chunks and turns', () => {
    const chunks = fc.array(fc.tuple(fc.string({ unit: 'grapheme-ascii', maxLength: 6 }), fc.boolean()), { maxLength: 8 });
    fc.assert(
      fc.property(chunks, (all) => {
        const records = new Records();
        const body = new StreamBody(records, KEEP);
        for (const [text, turn] of all) {
          body.add(Buffer.from(text));
          if (turn) records.nextTurn();
        }
        const whole = all.map(([text]) => text).join('');
        const { size, sha256: hash, payload, truncated } = body.finish();
        assert.deepEqual(
          [size, hash, truncated],
          [whole.length, whole === '' ? undefined : sha256(whole), whole.length > 10 ? true : undefined],
        );
        assert.equal(records.read(payload), whole.slice(0, 10));
      }),
    );
  });
});
