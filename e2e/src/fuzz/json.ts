/** JSON masking: what comes out parses, hides what it has to, and says everything else as it was. */
import { JsonMaskError, JsonMasking, MASK, MaskCounts, maskerFor, type Masker } from '@cairn/sidecar';
import { same, type FuzzTarget } from './target.js';

const FIELDS = maskerFor([{ fields: ['password', 'ssn', 'größe'] }])!;
const BOTH = maskerFor([{ fields: ['password', 'ssn'] }, { detect: ['email', 'payment-card', 'phone', 'jwt'] }])!;

interface Masked {
  out: Buffer;
  error: string | undefined;
  counts: unknown;
}

function maskAll(masker: Masker, chunks: readonly Buffer[], sequence: boolean): Masked {
  const counts = new MaskCounts();
  const masking = new JsonMasking(masker, counts, { sequence });
  const parts: Buffer[] = [];
  let error: string | undefined;
  try {
    for (const chunk of chunks) parts.push(...masking.write(chunk));
    parts.push(...masking.end());
  } catch (thrown) {
    if (!(thrown instanceof JsonMaskError)) throw thrown;
    error = thrown.code;
  }
  return { out: Buffer.concat(parts), error, counts: counts.masked('r') };
}

function check(whole: Buffer, chunks: readonly Buffer[]): void {
  for (const masker of [FIELDS, BOTH]) {
    for (const sequence of [false, true]) {
      const [once, split] = [maskAll(masker, [whole], sequence), maskAll(masker, chunks, sequence)];
      same('the refusal', once.error, split.error);
      if (once.error !== undefined) continue;
      same('the masked text', once.out.toString('latin1'), split.out.toString('latin1'));
      same('the count of what was masked', once.counts, split.counts);
      if (!sequence) hides(masker, once.out);
    }
  }
  agrees(whole);
}

/** No named member has another value than the mask or null, even where a name stands twice. */
function hides(masker: Masker, out: Buffer): void {
  const text = out.toString().replace(/^\ufeff/, '');
  if (text.trim() === '') return;
  JSON.parse(text);
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g) ?? [];
  for (const [index, token] of tokens.entries()) {
    if (tokens[index + 1] !== ':' || !masker.field(JSON.parse(token) as string)) continue;
    const value = tokens[index + 2];
    if (value !== JSON.stringify(MASK) && value !== 'null') throw new Error('a masked member passed');
  }
}

/** JSON.parse and the masking take the same texts for JSON, and understand the same apart from what is hidden. */
function agrees(whole: Buffer): void {
  const { out, error } = maskAll(FIELDS, [whole], false);
  let expected: unknown;
  try {
    expected = JSON.parse(whole.toString(), (name, value: unknown) => (FIELDS.field(name) && value !== null ? MASK : value));
  } catch {
    return; // hides() has shown that what passed in spite of this is JSON: a byte order mark, or nothing at all
  }
  if (error === 'depth' || error === 'length') return;
  if (error !== undefined) throw new Error(`valid JSON was refused: ${error}`);
  const understood: unknown = JSON.parse(out.toString());
  if (JSON.stringify(understood) !== JSON.stringify(expected)) throw new Error('another text came out than went in');
}

const SEEDS = [
  '{"a":1,"password":"geheim","b":[{"ssn":"123-45-6789"},null,true]}',
  '[{"password":{"deep":[1,2,{"x":"y"}]},"c":-1.5e+10},"text",[],{}]',
  '{"pass\\u0077ord":"x","PASSWORD":null,"größe":12,"a\\"b":"\\n\\u00e9"}',
  '{"mail":"alice@example.com","card":4111111111111111,"t":"call +49 30 1234567, 4111 1111 1111 1111"}',
  ' \t\n[ 1 , 2 , "drei" , false ] \r\n',
  '"just a string with an alice@example.com"',
  '1234567890123456',
  '{"a":1}\n{"password":"x"}\n',
  '\ufeff{"ssn":[["nested"]],"ssn":"again"}',
  '{"password":',
  `${'['.repeat(40)}"x"${']'.repeat(40)}`,
];
const WORDS = [
  '"password":',
  '"ssn":',
  '"pass\\u0077ord":',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  'null',
  'true',
  '1e5',
  '-',
];

export const jsonMasking: FuzzTarget = {
  name: 'json-masking',
  seeds: SEEDS.map((seed) => Buffer.from(seed)),
  words: [...WORDS, '"password":"x",', '\x1e', '\ufeff', '0', '"a@b.example"', '[[[[[['].map((word) => Buffer.from(word)),
  check,
};
