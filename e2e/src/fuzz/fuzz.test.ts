import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jsonMasking } from './json.js';
import { described, runCase, TARGETS } from './run.js';
import type { FuzzTarget } from './target.js';

const CASES = 4_000;

describe('fuzzing', () => {
  for (const target of TARGETS) {
    it(`${target.name}: the seeds hold, whole and byte by byte`, () => {
      for (const seed of target.seeds) target.check(seed, bytewise(seed));
    });

    it(`${target.name}: ${CASES / TARGETS.length} mutated cases hold`, () => {
      for (let seed = 0; seed < CASES / TARGETS.length; seed++) {
        const failure = runCase(seed, [target]);
        if (failure) assert.fail(described(failure));
      }
    });
  }

  it('makes the same case of the same seed', () => {
    const seen: string[] = [];
    const watching: FuzzTarget = { ...jsonMasking, check: (whole, chunks) => void seen.push(`${whole.toString('hex')} ${chunks.length}`) };
    for (const seed of [7, 8, 7, 8]) runCase(seed, [watching]);
    assert.deepEqual(seen.slice(0, 2), seen.slice(2));
    assert.notEqual(seen[0], seen[1]);
  });

  it('tells seed, split and bytes of a case that fails', () => {
    const broken: FuzzTarget = {
      ...jsonMasking,
      check: () => {
        throw new Error('does not hold');
      },
    };
    const failure = runCase(7, [broken]);
    assert.ok(failure);
    assert.match(
      described(failure),
      /json-masking failed: Error: does not hold[^]*SEED=7 make fuzz[^]*chunks of: [\d ]+ bytes\n {2}hex: [0-9a-f]+$/,
    );
  });

  it('fails where the pieces are not the bytes, for every target', () => {
    for (const target of TARGETS) {
      const other = bytewise(target.seeds[1]!);
      assert.throws(() => target.check(target.seeds[0]!, other), /differs by the split/, target.name);
    }
  });

  it('refuses a body that is part of a byte order mark', () => {
    jsonMasking.check(Buffer.from([0xef, 0xbb]), [Buffer.from([0xef]), Buffer.from([0xbb])]);
  });
});

function bytewise(bytes: Buffer): Buffer[] {
  return [...bytes].map((byte) => Buffer.from([byte]));
}
