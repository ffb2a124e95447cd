import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { admissionManifests } from './files.js';

const root = join(import.meta.dirname, '..', '..', '..', '..');
for (const [file, text] of admissionManifests()) {
  test(`${file} is as its source says; make generate writes it`, () => {
    assert.equal(readFileSync(join(root, file), 'utf8'), text);
  });
}
