import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import {
  createStreamWriter,
  listSegments,
  SpoolReader,
  uuidv7,
  writePosition,
  type SpoolPosition,
  type SpoolStreamWriter,
} from '@cairn/audit';
import { createLog } from '../config/log.js';
import { believable, deleteIngested } from './ingested.js';

const agent = { name: 'a', namespace: 'n', node: 'node', pod: 'p', uid: 'u' };
const log = createLog('error', () => undefined);
let dir: string;
let writer: SpoolStreamWriter;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cairn-ingested-'));
  writer = await createStreamWriter({ dir, agent, certify: async () => 'certificate', limits: { segmentBytes: 2_000 } });
  for (let batch = 0; batch < 12; batch++) {
    writer.append(`{"agent":${JSON.stringify(agent)},"id":"${uuidv7()}"`, '"stage":"intent","time":"2026-11-22T09:00:00Z"}');
    writer.flush();
  }
});
afterEach(async () => {
  await writer.close('test');
  rmSync(dir, { recursive: true });
});

const bases = (): number[] => listSegments(join(dir, writer.id)).map(({ base }) => base);
const look = (): void => clearInterval(deleteIngested(dir, log));
function read(): SpoolPosition {
  const reader = new SpoolReader(dir);
  while (reader.read(1_000).length > 0);
  return reader.position;
}

test('nothing is deleted before a ledger acknowledged it, and then whole segments only', () => {
  const before = bases();
  look();
  assert.deepEqual(bases(), before);
  writePosition(dir, 'ingested', { [writer.id]: before[2]! + 1 });
  look();
  assert.deepEqual(bases(), before.slice(2));
});

test('what Kafka has acknowledged is no word of the ledger', () => {
  const before = bases();
  writePosition(dir, 'shipped', read());
  look();
  assert.deepEqual(bases(), before);
});

test('an acknowledgement up to the last byte is believed; one byte beyond it speaks of another spool', () => {
  const end = read()[writer.id]!;
  assert.deepEqual(believable(dir, { [writer.id]: end, [uuidv7()]: 1 }), { [writer.id]: end });
  assert.deepEqual(believable(dir, { [writer.id]: end + 1 }), {});
});
