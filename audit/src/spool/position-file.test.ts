import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { readPosition, writePosition } from './position-file.js';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'cairn-ship-'))));
afterEach(() => rmSync(dir, { recursive: true }));

test('a position is read as it was written, and leaves no draft', () => {
  writePosition(dir, 'shipped', { a: 1 });
  writePosition(dir, 'shipped', { a: 2, b: 0 });
  assert.deepEqual(readPosition(dir, 'shipped'), { a: 2, b: 0 });
  assert.deepEqual(readdirSync(dir), ['shipped.json']);
  assert.deepEqual(readPosition(dir, 'ingested'), {});
});

test('no position, or one that cannot be, begins at the start', () => {
  assert.deepEqual(readPosition(dir, 'shipped'), {});
  for (const text of ['', '{"a":', '[]', 'null', '{"a":-1}', '{"a":"1"}', '{"a":1.5}']) {
    writeFileSync(join(dir, 'shipped.json'), text);
    assert.deepEqual(readPosition(dir, 'shipped'), {}, text);
  }
});
