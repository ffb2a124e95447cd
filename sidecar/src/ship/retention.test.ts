import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createStreamWriter, listSegments, SpoolReader, uuidv7, type SpoolStreamWriter } from '@cairn/audit';
import { deleteAcknowledgedSegments, lagBytes } from './retention.js';

const agent = { name: 'a', namespace: 'n', node: 'node', pod: 'p', uid: 'u' };
let dir: string;
let writer: SpoolStreamWriter;
let folder: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cairn-ship-'));
  writer = await createStreamWriter({ dir, agent, certify: async () => 'certificate', limits: { segmentBytes: 2_000 } });
  folder = join(dir, writer.id);
  for (let batch = 0; batch < 12; batch++) {
    writer.append(`{"agent":${JSON.stringify(agent)},"id":"${uuidv7()}"`, '"stage":"intent","time":"2026-11-22T09:00:00Z"}');
    writer.flush();
  }
});
afterEach(async () => {
  await writer.close('test');
  rmSync(dir, { recursive: true });
});

const bases = () => listSegments(folder).map((segment) => segment.base);
function endOfStream(): number {
  const reader = new SpoolReader(dir);
  while (reader.read(1_000).length > 0);
  return reader.position[writer.id]!;
}

test('a segment goes once its last byte is acknowledged, not one byte before', () => {
  const before = bases();
  assert.ok(before.length > 2);
  deleteAcknowledgedSegments(dir, { [writer.id]: before[1]! - 1 });
  assert.deepEqual(bases(), before);
  deleteAcknowledgedSegments(dir, { [writer.id]: before[1]! });
  assert.deepEqual(bases(), before.slice(1));
});

test('the segment of a stream that is being written stays, however much is acknowledged', () => {
  const last = bases().at(-1);
  deleteAcknowledgedSegments(dir, { [writer.id]: endOfStream() });
  assert.deepEqual(bases(), [last]);
});

test('a closed stream that is wholly acknowledged leaves nothing; one that has a byte to go stays', async () => {
  await writer.close('test');
  const end = endOfStream();
  deleteAcknowledgedSegments(dir, { [writer.id]: end - 1 });
  assert.equal(bases().length, 1);
  deleteAcknowledgedSegments(dir, { [writer.id]: end });
  assert.equal(existsSync(folder), false);
});

test('what recovery set aside is never deleted', async () => {
  await writer.close('test');
  const torn = `${listSegments(folder).at(-1)!.path}.torn`;
  writeFileSync(torn, 'torn');
  deleteAcknowledgedSegments(dir, { [writer.id]: endOfStream() });
  assert.ok(existsSync(torn));
});

test('the lag counts the bytes behind the acknowledged position', () => {
  const end = endOfStream();
  assert.equal(lagBytes(dir, {}), end);
  assert.equal(lagBytes(dir, { [writer.id]: end - 10 }), 10);
  assert.equal(lagBytes(dir, { [writer.id]: end }), 0);
});
