import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalJson } from '../canonical.js';
import { GENESIS, sha256 } from '../chain.js';
import { MAX_FINDINGS, MAX_OPEN_INTENTS, VERIFY_WINDOW_EVENTS } from '../limits.js';
import { AGENT } from '../testing/log.js';
import { HashWindow } from './hash-window.js';
import { createVerifier } from './verifier.js';

const STREAM = '0192f000-0000-7000-8000-000000000000';

/** A chain of `count` intents; without certificates, since it is the bounds that matter here. */
function chain(count: number): string[] {
  let prev = GENESIS;
  return Array.from({ length: count }, (_, seq) => {
    const integrity = { prev, seq, stream: STREAM };
    const event = { agent: AGENT, id: `event-${seq}`, stage: 'intent', time: 't' };
    prev = sha256(canonicalJson({ ...event, integrity }));
    return canonicalJson({ ...event, integrity: { ...integrity, hash: prev } });
  });
}

function hash(seq: number): string {
  return sha256(String(seq));
}

describe('HashWindow', () => {
  test('knows the latest hashes up to its limit, and none before', () => {
    const window = new HashWindow();
    const last = VERIFY_WINDOW_EVENTS + 10;
    for (let seq = 0; seq <= last; seq++) window.set(seq, hash(seq));
    assert.equal(window.get(last), hash(last));
    assert.equal(window.get(last - VERIFY_WINDOW_EVENTS + 1), hash(last - VERIFY_WINDOW_EVENTS + 1));
    assert.equal(window.get(last - VERIFY_WINDOW_EVENTS), undefined);
    assert.equal(window.get(last + 1), undefined);
  });

  test('never gives a hash that was not set, whatever is skipped or comes late', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40_000 }), { maxLength: 60 }), (seqs) => {
        const window = new HashWindow();
        const set = new Set<number>();
        for (const seq of seqs) {
          window.set(seq, hash(seq));
          set.add(seq);
          for (const each of [seq, seq - 1, seq + 1, seq - VERIFY_WINDOW_EVENTS]) {
            const known = each >= 0 ? window.get(each) : undefined;
            assert.ok(known === undefined || (set.has(each) && known === hash(each)));
          }
        }
        const top = Math.max(-1, ...set);
        for (const seq of set) if (seq > top - VERIFY_WINDOW_EVENTS) assert.equal(window.get(seq), hash(seq));
      }),
      { numRuns: 50 },
    );
  });
});

describe('a verifier', () => {
  test('compares what comes again within its window, and says where it cannot any more', async () => {
    const lines = chain(VERIFY_WINDOW_EVENTS + 1);
    const verifier = createVerifier({});
    for (const [index, line] of lines.entries()) verifier.event(line, index);
    verifier.event(lines[1]!, 'again');
    assert.equal((await verifier.finish()).coverage.streams[0]!.duplicates, 1);
    verifier.event(lines[0]!, 'again');
    const report = await verifier.finish();
    assert.ok(report.integrity.findings.some(({ kind, sentence }) => kind === 'reordered' && sentence.includes('too late')));
  });

  test('lists findings up to its limit and counts the rest', async () => {
    const lines = chain(MAX_FINDINGS + 3);
    const verifier = createVerifier({});
    for (const [index, line] of lines.entries()) verifier.event(line.replace('"t"', '"u"'), index);
    const { findings, more, held } = (await verifier.finish()).integrity;
    assert.deepEqual([findings.length, more, held], [MAX_FINDINGS, 3, false]);
  });

  test('keeps open intents by name up to its limit and counts the rest', async () => {
    const verifier = createVerifier({});
    for (const [index, line] of chain(MAX_OPEN_INTENTS + 2).entries()) verifier.event(line, index);
    const { count, events } = (await verifier.finish()).coverage.streams[0]!.intentsWithoutOutcome;
    assert.equal(count, MAX_OPEN_INTENTS + 2);
    assert.equal(events.length, 20);
  });
});
