import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import { generatedFiles } from './files.js';

const STALE = 'is stale; run: make generate';

for (const { path, text } of generatedFiles()) {
  test(`${basename(path)} is what the schemas say`, () => {
    assert.equal(readFileSync(path, 'utf8'), text, `${path} ${STALE}`);
  });
}

test('no manifest is left over from a resource that is gone', () => {
  const manifests = generatedFiles()
    .map(({ path }) => path)
    .filter((path) => path.endsWith('.yaml'));
  for (const folder of new Set(manifests.map((path) => dirname(path)))) {
    const expected = manifests.filter((path) => dirname(path) === folder).map((path) => basename(path));
    assert.deepEqual(readdirSync(folder).toSorted(), expected.toSorted());
  }
});
