import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ATTEMPTS } from './attempts/index.js';
import { rowsIn, tableOf, withTable, type Row } from './table.js';

const page = readFileSync(new URL('../../../docs/threat-model.md', import.meta.url), 'utf8');
const rows: Row[] = ATTEMPTS.map((attempt) => ({
  attempt,
  evidence: 'a | b',
  outcomes: { full: 'refused', control: 'reached' },
  said: {},
}));

describe('the table of the threat model', () => {
  it('has the rows of the suite, in its order, as the page was committed', () => {
    const expected = ATTEMPTS.map(({ title, layer }) => `${title}: ${layer}`);
    assert.deepEqual(
      rowsIn(page).map(({ title, layer }) => `${title}: ${layer}`),
      expected,
    );
  });

  it('shows zero ways around, and a control that each attempt succeeds in', () => {
    for (const { title, observed, control } of rowsIn(page)) {
      assert.match(observed, /^(refused|timed out|mended)$/, title);
      assert.equal(control, '**reached**', title);
    }
  });

  it('is written between its markers, and read back', () => {
    const written = withTable(page, tableOf(rows));
    assert.deepEqual(
      rowsIn(written).map(({ title }) => title),
      ATTEMPTS.map(({ title }) => title),
    );
    assert.equal(withTable(written, tableOf(rows)), written);
    assert.throws(() => withTable('# Threat model', 'x'), /no place for the table/);
  });

  it('has no two attempts of one name', () => {
    assert.equal(new Set(ATTEMPTS.map(({ id }) => id)).size, ATTEMPTS.length);
    assert.equal(new Set(ATTEMPTS.map(({ title }) => title)).size, ATTEMPTS.length);
  });
});
