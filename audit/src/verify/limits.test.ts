import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalJson } from '../canonical.js';
import { GENESIS, sha256 } from '../chain.js';
import { formatCheckpoint } from '../checkpoint/checkpoint.js';
import { MAX_FINDINGS, MAX_HELD_PAYLOADS, MAX_OPEN_INTENTS, MAX_WAITING_CHECKPOINTS, VERIFY_WINDOW_EVENTS } from '../limits.js';
import { AGENT } from '../testing/log.js';
import { newBootKey } from '../writer/boot-key.js';
import { Anchors } from './anchors.js';
import { ChainState } from './chain-state.js';
import { HashWindow } from './hash-window.js';
import { PayloadState } from './payload-state.js';
import { createVerifier } from './verifier.js';

const STREAM = '0192f000-0000-7000-8000-000000000000';

/** A chain of `count` intents; without certificates, since it is the bounds that matter here. */
function intents(count: number): string[] {
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

describe('checkpoints that wait for their events', () => {
  const signer = newBootKey();

  /** Kinds of findings on `count` checkpoints that come before their events, the first of which does not fit. */
  function told(count: number): string[] {
    const chain = new ChainState();
    const anchors = new Anchors(chain);
    anchors.addKey({ from: 0, x: signer.publicKey.toString('base64url') });
    for (let size = 1; size <= count; size++) {
      const root = size === 1 ? hash(-1) : hash(size - 1);
      assert.deepEqual(anchors.note(formatCheckpoint({ stream: STREAM, size, root, time: '2026-11-22T08:00:00Z' }, signer)), []);
    }
    const kinds: string[] = [];
    for (let seq = 0; seq < count; seq++) {
      const placed = { seq, id: 'x', where: seq };
      chain.accept(placed, seq === 0 ? GENESIS : hash(seq - 1), hash(seq));
      kinds.push(...anchors.passed(placed).map(({ kind }) => kind));
    }
    assert.equal(anchors.covered, count);
    return kinds;
  }

  test('are all kept up to the limit; beyond it the smallest is given up, which larger ones cover', () => {
    assert.deepEqual(told(MAX_WAITING_CHECKPOINTS), ['forged']);
    assert.deepEqual(told(MAX_WAITING_CHECKPOINTS + 1), []);
  });
});

test('payloads that held are known again up to the limit', () => {
  const state = new PayloadState();
  const ciphertext = Buffer.from('sealed');
  for (let record = 0; record <= MAX_HELD_PAYLOADS; record++) {
    state.spoken(record, { sha256: sha256(ciphertext), seq: record, event: 'x' });
    assert.equal(state.given(record, ciphertext), undefined);
  }
  assert.equal(state.given(1, ciphertext), undefined);
  assert.equal(state.given(1, Buffer.from('other'))?.record, 1);
  assert.equal(state.given(0, Buffer.from('other')), undefined);
});

describe('a verifier', () => {
  test('compares what comes again within its window, and says where it cannot any more', async () => {
    const lines = intents(VERIFY_WINDOW_EVENTS + 1);
    const verifier = createVerifier({});
    for (const [index, line] of lines.entries()) verifier.event(line, index);
    verifier.event(lines[1]!, 'again');
    assert.equal((await verifier.finish()).coverage.streams[0]!.duplicates, 1);
    verifier.event(lines[0]!, 'again');
    const report = await verifier.finish();
    assert.ok(report.integrity.findings.some(({ kind, sentence }) => kind === 'reordered' && sentence.includes('too late')));
  });

  test('lists findings up to its limit and counts the rest', async () => {
    const lines = intents(MAX_FINDINGS + 3);
    const verifier = createVerifier({});
    for (const [index, line] of lines.entries()) verifier.event(line.replace('"t"', '"u"'), index);
    const { findings, more, held } = (await verifier.finish()).integrity;
    assert.deepEqual([findings.length, more, held], [MAX_FINDINGS, 3, false]);
  });

  test('keeps open intents by name up to its limit and counts the rest', async () => {
    const verifier = createVerifier({});
    for (const [index, line] of intents(MAX_OPEN_INTENTS + 2).entries()) verifier.event(line, index);
    const { count, events } = (await verifier.finish()).coverage.streams[0]!.intentsWithoutOutcome;
    assert.equal(count, MAX_OPEN_INTENTS + 2);
    assert.equal(events.length, 20);
  });
});
