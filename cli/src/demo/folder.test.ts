import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openFolder } from './folder.js';

let parent: string;
beforeEach(() => (parent = mkdtempSync(join(tmpdir(), 'cairn-folder-'))));
afterEach(() => rmSync(parent, { recursive: true }));

test('two demos do not share a folder; the second is told which process has it', async () => {
  const root = join(parent, 'demo');
  const first = await openFolder(root);
  await assert.rejects(openFolder(root), new RegExp(`another demo \\(process ${process.pid}\\)`));
  await first.remove();
  await (await openFolder(root)).remove();
});

test('the lock of a demo that was killed is no lock', async () => {
  const root = join(parent, 'demo');
  writeFileSync(`${root}.lock`, '4194305'); // Above every pid of Linux.
  const folder = await openFolder(root);
  await folder.remove();
  assert.ok(!existsSync(`${root}.lock`));
});

test('what an earlier run left goes, what this one leaves stays', async () => {
  const root = join(parent, 'demo');
  const first = await openFolder(root);
  writeFileSync(join(root, 'ledger.db'), 'old');
  await first.remove();
  assert.ok(existsSync(join(root, 'ledger.db')));
  assert.ok(!existsSync(first.run));
  const second = await openFolder(root);
  assert.ok(!existsSync(join(root, 'ledger.db')));
  await second.remove();
});
