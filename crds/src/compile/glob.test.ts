import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileGlob } from './glob.js';

const TABLE: [pattern: string, yes: string[], no: string[]][] = [
  ['orders', ['orders'], ['order', 'orders2', 'public.orders', '']],
  ['public.*', ['public.orders', 'public.'], ['public', 'public.a.b', 'xpublic.a']],
  ['/v1/*/items', ['/v1/a/items', '/v1//items'], ['/v1/a/b/items', '/v1/a.b/items']],
  ['/v1/**', ['/v1/', '/v1/a/b.c'], ['/v1', '/v2/a']],
  ['**.customers', ['customers', 'public.customers', 'a.b.customers'], ['xcustomers', 'customers2']],
  ['/a/**/z', ['/a/z', '/a/b/z', '/a/b/c/z'], ['/az', '/a/bz', '/z']],
  ['a**z', ['az', 'a/b.z'], ['a', 'za']],
  ['*.*', ['a.b', '.'], ['a', 'a.b.c', 'a/b.c']],
  ['**', ['', 'a/b.c'], []],
  ['*', ['', 'abc'], ['a/b']],
  ['a.b', ['a.b'], ['axb']],
];

for (const [pattern, yes, no] of TABLE) {
  test(`${pattern} matches what it says`, () => {
    const glob = compileGlob(pattern);
    for (const text of yes) assert.equal(glob(text), true, `${pattern} should match ${text}`);
    for (const text of no) assert.equal(glob(text), false, `${pattern} should not match ${text}`);
  });
}

/** The same language as a regular expression: fine in a test, unbounded on an agent's text. */
function asRegExp(pattern: string): RegExp {
  const source = pattern.replaceAll(/(^|(?<=[/.]))\*\*+([/.])|\*\*+|\*|[.\\^$+?()[\]{}|/]/g, (part, _begin, separator) => {
    if (separator !== undefined) return `(?:[^]*\\${separator})?`;
    if (part.startsWith('**')) return '[^]*';
    return part === '*' ? '[^/.]*' : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

test('globs agree with the regular expressions that they stand for', () => {
  const letters = (chars: string[]) => fc.array(fc.constantFrom(...chars), { maxLength: 9 }).map((parts) => parts.join(''));
  const property = fc.property(letters(['a', 'b', '.', '/', '*', '**', '*']), letters(['a', 'b', '.', '/']), (pattern, text) => {
    assert.equal(compileGlob(pattern)(text), asRegExp(pattern).test(text), `${pattern} on ${text}`);
  });
  fc.assert(property, { numRuns: 20_000 });
});

test('a pattern that makes regular expressions explode stays linear', () => {
  const glob = compileGlob('**a**a**a**a**a**a**a**a**b');
  assert.equal(glob('a'.repeat(20_000)), false);
});
