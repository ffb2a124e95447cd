import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { JOURNAL_BYTES, JOURNAL_PENDING_COUNT } from '../limits.js';
import { Journal } from './journal.js';

async function fileIn(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-journal-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'journal.jsonl');
}

/** A journal of numbers that keeps the last of them. */
async function openJournal(file: string): Promise<{ journal: Journal<number[]>; loaded: number[][] }> {
  const loaded: number[][] = [];
  const journal = await Journal.open<number[]>(file, { load: (entry) => loaded.push(entry), current: () => loaded });
  return { journal, loaded };
}

test('records outlive the process, in their order, readable by the owner alone', async (t) => {
  const file = await fileIn(t);
  const { journal } = await openJournal(file);
  await Promise.all([journal.append([1]), journal.append([2]), journal.append([3])]);
  await journal.close();
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual((await openJournal(file)).loaded, [[1], [2], [3]]);
});

test('a full disk refuses the record, leaves no half of it, and the next one is whole', async (t) => {
  const file = await fileIn(t);
  const { journal } = await openJournal(file);
  await journal.append([1]);
  const handle = await open(file, 'r');
  const prototype = Object.getPrototypeOf(handle) as { appendFile: (this: unknown, text: string) => Promise<void> };
  await handle.close();
  const { appendFile } = prototype;
  const full = t.mock.method(prototype, 'appendFile', async function (this: unknown, text: string) {
    await appendFile.call(this, text.slice(0, 2));
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  });
  await assert.rejects(journal.append([22]), { code: 'disk', status: 503 });
  full.mock.restore();
  await journal.append([3]);
  await journal.close();
  assert.equal(await readFile(file, 'utf8'), '[1]\n[3]\n');
});

test('a line in the middle that is no record stops the start and says where', async (t) => {
  const file = await fileIn(t);
  await writeFile(file, '[1]\n[2\n[3]\n');
  await assert.rejects(openJournal(file), /damaged at line 2/);
});

test('superseded records are dropped beyond the size limit, and none that count', async (t) => {
  const file = await fileIn(t);
  let latest = '';
  const journal = await Journal.open<string>(file, { load: () => undefined, current: () => (latest ? [latest] : []) });
  const record = 'x'.repeat(JOURNAL_BYTES / 4 - 3);
  for (let count = 0; count < 4; count++) await journal.append((latest = record));
  assert.equal((await stat(file)).size, JOURNAL_BYTES);
  await journal.append((latest = 'one more'));
  await journal.append((latest = 'after'));
  await journal.close();
  assert.equal(await readFile(file, 'utf8'), '"one more"\n"after"\n');
});

test('records that wait for the disk are bounded', async (t) => {
  const { journal } = await openJournal(await fileIn(t));
  const appends = Array.from({ length: JOURNAL_PENDING_COUNT }, (_, count) => journal.append([count]));
  await assert.rejects(journal.append([0]), { code: 'busy' });
  await Promise.all(appends);
  await journal.append([1]);
  await journal.close();
});
