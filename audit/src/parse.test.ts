import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalJson } from './canonical.js';
import { MAX_DEPTH, MAX_LINE_BYTES } from './limits.js';
import { parseEvent } from './parse.js';

const hash = 'a'.repeat(64);
const integrity = { hash, prev: hash, seq: 7, stream: '0192f000-0000-7000-8000-000000000000' };
const event = { agent: {}, id: 'x', integrity, stage: 'intent', time: 't' };
const line = canonicalJson(event);

function nested(levels: number): unknown {
  return levels === 0 ? 1 : { a: nested(levels - 1) };
}

function refusal(text: string | Uint8Array): string {
  try {
    parseEvent(text);
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'accepted';
}

describe('canonicalJson', () => {
  test('follows RFC 8785 in order, numbers and escapes', () => {
    // Appendix-like cases of RFC 8785 3.2.2 and 3.2.3.
    const value = {
      '\u20ac': 'Euro',
      '\r': 'CR',
      '1': 'One',
      '\ud83d\ude00': 'Smile',
      '\u0080': 'Control',
      '\u00f6': 'O',
      '</script>': 'x',
    };
    const text = canonicalJson(value);
    assert.deepEqual(Object.keys(JSON.parse(text) as object).toSorted(), Object.keys(value).toSorted());
    assert.equal(text, '{"\\r":"CR","1":"One","</script>":"x","\u0080":"Control","\u00f6":"O","\u20ac":"Euro","\ud83d\ude00":"Smile"}');
    assert.equal(
      canonicalJson(JSON.parse('[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,-0]')),
      '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
    );
    assert.equal(canonicalJson('\u20ac$\u000f\nA\'B"\\/'), '"\u20ac$\\u000f\\nA\'B\\"\\\\/"');
  });

  test('leaves out what is absent and refuses what JSON cannot say', () => {
    assert.equal(canonicalJson({ a: undefined, b: null }), '{"b":null}');
    assert.throws(() => canonicalJson(Number.NaN));
    assert.throws(() => canonicalJson({ a: Number.POSITIVE_INFINITY }));
    assert.throws(() => canonicalJson(undefined), TypeError);
  });

  test('is a fixed point of parsing, whatever the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        assert.equal(canonicalJson(JSON.parse(text)), text);
      }),
    );
  });
});

describe('parseEvent', () => {
  test('accepts canonical text and bytes, whatever else the event holds', () => {
    assert.deepEqual(parseEvent(line), event);
    assert.deepEqual(parseEvent(Buffer.from(line)), event);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (parameters) => {
        const text = canonicalJson({ ...event, parameters });
        assert.equal(canonicalJson(parseEvent(text)), text);
      }),
    );
  });

  test('refuses every other spelling of the same event', () => {
    for (const other of [
      ` ${line}`,
      `${line}\n`,
      `\ufeff${line}`,
      line.replace('"x"', '"\\u0078"'),
      line.replace('"seq":7', '"seq":7.0'),
      line.replace('"seq":7', '"seq":70e-1'),
      line.replace('{"agent":{},"id":"x"', '{"id":"x","agent":{}'),
      line.replace('"agent":{}', '"agent":{},"agent":{}'),
      line.replace('"agent":{}', '"agent":{"a":1e400}'),
    ]) {
      assert.match(refusal(other), /canonical|json/, other);
    }
  });

  test('refuses what is not UTF-8, where lenient decoding would hide it', () => {
    const replaced = canonicalJson({ ...event, id: '\ufffd' });
    const bytes = Buffer.from(replaced);
    const at = bytes.indexOf(Buffer.from('\ufffd'));
    const invalid = Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff]), bytes.subarray(at + 3)]);
    assert.equal(invalid.toString(), replaced);
    assert.equal(refusal(invalid), 'json');
    assert.equal(refusal(bytes), 'accepted');
  });

  test('refuses what is not an event', () => {
    for (const other of [null, [], 1, {}, { ...event, id: 1 }, { ...event, integrity: { ...integrity, seq: -1 } }]) {
      assert.equal(refusal(canonicalJson(other)), 'shape');
    }
    for (const change of [{ hash: hash.toUpperCase() }, { prev: 'a' }, { seq: 0.5 }, { stream: 'x' }, { more: 1 }]) {
      assert.equal(refusal(canonicalJson({ ...event, integrity: { ...integrity, ...change } })), 'shape');
    }
  });

  test('takes lines up to the limit and none longer', () => {
    const room = MAX_LINE_BYTES - line.length - '"z":"",'.length;
    const sized = (bytes: number) => canonicalJson({ ...event, z: 'z'.repeat(bytes) });
    assert.equal(refusal(sized(room)), 'accepted');
    assert.equal(refusal(sized(room + 1)), 'size');
    assert.equal(refusal(canonicalJson({ ...event, z: 'ü'.repeat(room / 2 + 1) })), 'size');
  });

  test('takes nesting up to the limit and none deeper', () => {
    assert.equal(refusal(canonicalJson({ ...event, z: nested(MAX_DEPTH - 1) })), 'accepted');
    assert.equal(refusal(canonicalJson({ ...event, z: nested(MAX_DEPTH) })), 'depth');
    assert.equal(refusal(`{"z":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), 'depth');
  });
});
