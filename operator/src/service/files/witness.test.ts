import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RegisteredKey } from '../stores.js';
import { FileWitness } from './witness.js';

const pod = { namespace: 'n', name: 'p', uid: 'u' };
const keyOf = (stream: string, publicKey: string): RegisteredKey => ({
  stream,
  certificate: 'c',
  publicKey,
  pod,
  agent: 'n/a',
  time: '2026-11-22T10:00:00Z',
});

test('streams and keys hold their limits, at the limit and one beyond, and a refused one leaves no trace', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-witness-'));
  t.after(() => rm(folder, { recursive: true }));
  const witness = await FileWitness.open(folder, { streams: 2, keys: 3 });
  await Promise.all(['a', 'b', 'c'].map((key) => witness.register(keyOf('one', key))));
  await assert.rejects(witness.register(keyOf('one', 'd')), { code: 'too-many-keys' });
  await witness.register(keyOf('two', 'a'));
  await assert.rejects(witness.register(keyOf('three', 'a')), { code: 'too-many-streams' });
  await witness.close();
  const reopened = await FileWitness.open(folder);
  const keys = await Promise.all(['one', 'two', 'three'].map((stream) => reopened.keys(stream)));
  assert.deepEqual(
    keys.map(({ length }) => length),
    [3, 1, 0],
  );
  await reopened.close();
});
