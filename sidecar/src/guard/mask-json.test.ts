import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { MAX_JSON_DEPTH, MAX_JSON_LITERAL_BYTES, MAX_JSON_STRING_BYTES } from './limits.js';
import { JsonMaskError, JsonMasking, maskJson } from './mask-json.js';
import { MASK, MaskCounts, maskerFor } from './mask.js';

const names = maskerFor([{ fields: ['email', 'ssn'] }])!;
const both = maskerFor([{ fields: ['email', 'ssn'] }, { detect: ['email', 'payment-card'] }])!;

const masked = (text: string, masker = names): string => maskJson(masker, Buffer.from(text)).bytes.toString();

/** The same by the simplest means: parse, walk, compare as values. */
function reference(value: unknown, masker = names): unknown {
  if (typeof value === 'string') return masker.text(value)?.value ?? value;
  if (typeof value === 'number') return masker.text(JSON.stringify(value))?.value ?? value;
  if (Array.isArray(value)) return value.map((each) => reference(each, masker));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([name, each]) => {
    const hidden = masker.field(name) && each !== null;
    return [masker.text(name)?.value ?? name, hidden ? MASK : reference(each, masker)] as const;
  });
  return Object.fromEntries(entries);
}

describe('JSON masking', () => {
  it('hides members by name at any depth and keeps every other byte', () => {
    const text = '{ "id" : 1,\r\n "Email":"a@x.y" ,"list":[{"ssn":{"a":[1,"]}"]}},{"ssn": null}], "n":-1.50e+3,"u":"\\u00e9" }';
    const want = '{ "id" : 1,\r\n "Email":"***" ,"list":[{"ssn":"***"},{"ssn": null}], "n":-1.50e+3,"u":"\\u00e9" }';
    assert.equal(masked(text), want);
  });

  it('hides numbers, booleans, arrays and empty containers', () => {
    assert.equal(masked('{"email":1,"ssn":true}'), '{"email":"***","ssn":"***"}');
    assert.equal(masked('{"email":[],"ssn":{}}'), '{"email":"***","ssn":"***"}');
    assert.equal(masked('[{"email":12 }]'), '[{"email":"***" }]');
  });

  it('reads a name through its escapes', () => {
    assert.equal(masked('{"\\u0065mail":"a"}'), '{"\\u0065mail":"***"}');
  });

  it('finds text in strings, names and numbers, through escapes', () => {
    assert.equal(masked('["to a\\u0040example.com",4111111111111111]', both), '["to ***","***"]');
    assert.equal(masked('{"b@example.com":{"x":1}}', both), '{"***":{"x":1}}');
  });

  it('counts what it hid under the names of the policy', () => {
    const counts = new MaskCounts();
    maskJson(both, Buffer.from('[{"EMAIL":1},{"email":2},"a@example.com"]'), counts);
    assert.deepEqual(counts.masked('r'), [
      { path: '$..email', rule: 'r', count: 2 },
      { path: 'detect:email', rule: 'r', count: 1 },
    ]);
  });

  it('gives the same bytes for every split', () => {
    const text = Buffer.from('\ufeff{"a":[1,2.5,true,"x\\"y"],"email":{"deep":[null,"}"]},"t":"é a@example.com","ssn":null,"z":-0}');
    const whole = maskJson(both, text).bytes.toString();
    for (let i = 0; i <= text.length; i++) {
      for (let j = i; j <= text.length; j += 7) {
        const masking = new JsonMasking(both, new MaskCounts());
        const parts = [text.subarray(0, i), text.subarray(i, j), text.subarray(j)].flatMap((part) => masking.write(part));
        assert.equal(Buffer.concat([...parts, ...masking.end()]).toString(), whole);
      }
    }
  });

  it('agrees with parse and walk, for any JSON, any split', () => {
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.constantFrom('a@example.com', 4111111111111111, null, true),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        tie('list'),
        tie('object'),
      ),
      list: fc.array(tie('value'), { maxLength: 4 }),
      object: fc.dictionary(fc.oneof(fc.constantFrom('email', 'SSN', 'id'), fc.string({ maxLength: 3 })), tie('value'), {
        maxKeys: 4,
        noNullPrototype: true,
      }),
    })).value;
    fc.assert(
      fc.property(json, fc.constantFrom(0, 1, 2), fc.integer({ min: 1, max: 9 }), (value, indent, size) => {
        const text = Buffer.from(JSON.stringify(value, null, indent));
        const masking = new JsonMasking(both, new MaskCounts());
        const parts: Buffer[] = [];
        for (let at = 0; at < text.length; at += size) parts.push(...masking.write(text.subarray(at, at + size)));
        parts.push(...masking.end());
        const normal = JSON.parse(JSON.stringify(value)) as unknown;
        assert.deepEqual(JSON.parse(Buffer.concat(parts).toString()), reference(normal, both));
      }),
      { numRuns: 500 },
    );
  });

  it('changes nothing where nothing is to hide: the very chunk comes out', () => {
    const chunk = Buffer.from('{"a":"b"}');
    assert.equal(new JsonMasking(names, new MaskCounts()).write(chunk)[0], chunk);
  });

  it('takes several values only where asked', () => {
    const masking = new JsonMasking(names, new MaskCounts(), { sequence: true });
    const parts = [...masking.write(Buffer.from('{"email":1}\n{"em')), ...masking.write(Buffer.from('ail":2}\n')), ...masking.end()];
    assert.equal(Buffer.concat(parts).toString(), '{"email":"***"}\n{"email":"***"}\n');
    assert.throws(() => masked('{}{}'), JsonMaskError);
  });

  const BROKEN = [
    '{',
    '[',
    '"',
    '{"a"',
    '{"a":',
    '{"a":1',
    '[1,',
    '[1,]',
    '{"a":1,}',
    '{,}',
    '[,]',
    '{"a" 1}',
    '{a:1}',
    "{'a':1}",
    '[1 2]',
    '{"a":1 "b":2}',
    ']',
    '}',
    '[}',
    '{]',
    '01',
    '1.',
    '.5',
    '+1',
    '-',
    'tru',
    'nul',
    'NaN',
    '1e',
    '"\n"',
    '"\\x"',
    '"\\u12g4"',
    '{"a":}',
    '{"email":}',
    '{"email":tru}',
    '// c\n{}',
    '\u0000',
    '{"email":[1}',
    'x',
    '{"email" "a"}',
    '\ufeff\ufeff1',
  ];
  it('refuses what is no JSON', () => {
    for (const text of BROKEN) assert.throws(() => masked(text), JsonMaskError, text);
  });

  it('refuses UTF-16, which would hide names', () => {
    assert.throws(() => maskJson(names, Buffer.from('{"email":"a"}', 'utf16le')), JsonMaskError);
  });

  it('never says more than JSON.parse accepts, for any text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '1', '-', 'true', 'null', ' ', '\\', 'e', '.', '\n')),
        (parts) => {
          const text = parts.join('');
          let taken = true;
          try {
            masked(text);
          } catch {
            taken = false;
          }
          if (taken && text.trim() !== '') JSON.parse(text);
          if (!taken) assert.throws(() => JSON.parse(text) as unknown);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('holds its limits', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    assert.equal(masked(nested(MAX_JSON_DEPTH)), nested(MAX_JSON_DEPTH));
    assert.throws(() => masked(nested(MAX_JSON_DEPTH + 1)), { code: 'depth' });
    const number = '1'.repeat(MAX_JSON_LITERAL_BYTES);
    assert.equal(masked(`[${number}]`), `[${number}]`);
    assert.throws(() => masked(`[${number}1]`), { code: 'length' });
    const name = 'n'.repeat(MAX_JSON_STRING_BYTES - 2);
    assert.equal(masked(`{"${name}":1}`).length, name.length + 6);
    assert.throws(() => masked(`{"${name}x":1}`), { code: 'length' });
  });
});
