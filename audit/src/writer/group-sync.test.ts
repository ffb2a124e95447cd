import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SegmentFiles } from '../spool/segments.js';
import { GroupSync } from './group-sync.js';

/** Files whose syncs the test ends. */
function heldFiles() {
  const syncs: { end(): void; fail(error: Error): void }[] = [];
  const files = {
    end: 0,
    sync: () => new Promise<void>((resolve, reject) => syncs.push({ end: resolve, fail: reject })),
  };
  return { files, syncs, asFiles: files as unknown as SegmentFiles };
}

const same = (error: Error): Error => error;

test('what is flushed while a sync runs waits for the next one', async () => {
  const { files, syncs, asFiles } = heldFiles();
  const sync = new GroupSync(asFiles, () => undefined, same);
  const done: string[] = [];
  files.end = 10;
  const first = sync.wait().then(() => done.push('first'));
  files.end = 20;
  const second = sync.wait().then(() => done.push('second'));
  assert.equal(syncs.length, 1);
  syncs[0]!.end();
  await first;
  assert.deepEqual([done, sync.synced, syncs.length], [['first'], 10, 2]);
  syncs[1]!.end();
  await second;
  assert.equal(sync.synced, 20);
  await sync.wait();
  assert.equal(syncs.length, 2);
});

test('a failed sync fails everybody who waits, now and later', async () => {
  const { files, syncs, asFiles } = heldFiles();
  const sync = new GroupSync(
    asFiles,
    () => undefined,
    (error) => new Error('io', { cause: error }),
  );
  files.end = 10;
  const waiting = sync.wait();
  syncs[0]!.fail(new Error('EIO'));
  await assert.rejects(waiting, /io/);
  await assert.rejects(sync.wait(), /io/);
  sync.flushed();
  assert.equal(syncs.length, 1);
});

test('stopping waits for the sync that runs, and rejects who waits for another', async () => {
  const { files, syncs, asFiles } = heldFiles();
  const sync = new GroupSync(asFiles, () => undefined, same);
  files.end = 10;
  const first = sync.wait();
  files.end = 20;
  const second = sync.wait();
  const stopped = sync.stop(new Error('closed'));
  syncs[0]!.end();
  await Promise.all([first, stopped, assert.rejects(second, /closed/)]);
  assert.equal(syncs.length, 1);
});
