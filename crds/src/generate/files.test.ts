import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import { generatedFiles } from './files.js';

const STALE = 'is stale; run: npx tsc --build crds && node crds/dist/generate/main.js';

for (const { path, text } of generatedFiles()) {
  test(`${basename(path)} is what the schemas say`, () => {
    assert.equal(readFileSync(path, 'utf8'), text, `${path} ${STALE}`);
  });
}

test('no manifest is left over from a resource that is gone', () => {
  const manifests = generatedFiles().filter(({ path }) => path.endsWith('.yaml'));
  const present = readdirSync(dirname(manifests[0]!.path)).toSorted();
  assert.deepEqual(present, manifests.map(({ path }) => basename(path)).toSorted());
});
