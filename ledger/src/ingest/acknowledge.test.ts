import assert from 'node:assert/strict';
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { listSegments, readPosition } from '@cairn/audit';
import type { Ledger } from '../ledger.js';
import { temporaryLedger } from '../testing/events.js';
import { TestSpool } from '../testing/spool.js';
import { verifyLedger } from '../verify/verify.js';
import { SpoolAcknowledger } from './acknowledge.js';
import { SpoolIngest } from './spool.js';

let spool: TestSpool;
let ledger: Ledger;
let folder: string;
let close: () => void;

beforeEach(async () => {
  ({ ledger, folder, close } = temporaryLedger());
  spool = await TestSpool.create();
});
afterEach(() => {
  close();
  rmSync(spool.folder, { recursive: true, force: true });
});

const source = (): { ingest: SpoolIngest; acknowledger: SpoolAcknowledger } => {
  const ingest = new SpoolIngest(ledger, spool.folder);
  return { ingest, acknowledger: new SpoolAcknowledger(ledger, spool.folder, ingest) };
};
const acknowledged = (): Readonly<Record<string, number>> => readPosition(spool.folder, 'ingested');

test('what was ingested and holds is acknowledged, as it comes, and after a restart of the ledger', async () => {
  spool.trustFile(folder);
  const writer = await spool.writer();
  const { ingest, acknowledger } = source();
  ingest.drain();
  await acknowledger.acknowledge();
  const first = acknowledged()[writer.id]!;
  writer.gap(1, 'test');
  writer.flush();
  await acknowledger.acknowledge();
  assert.equal(acknowledged()[writer.id], first, 'nothing that was not read is acknowledged');
  ingest.drain();
  await acknowledger.acknowledge();
  const second = acknowledged()[writer.id]!;
  assert.ok(second > first);
  await writer.close('done');
  const again = source();
  again.ingest.drain();
  assert.deepEqual((await again.acknowledger.acknowledge()).withheld, []);
  assert.ok(acknowledged()[writer.id]! > second);
});

test('an acknowledged spool may go: the ledger verifies alone', async () => {
  spool.trustFile(folder);
  await spool.stream(700);
  const { ingest, acknowledger } = source();
  ingest.drain();
  assert.deepEqual((await acknowledger.acknowledge()).withheld, []);
  const before = await verifyLedger(ledger);
  rmSync(spool.folder, { recursive: true });
  assert.deepEqual(before.integrity.findings, []);
  assert.deepEqual(await verifyLedger(ledger), before);
});

test('a stream without a verified certificate stays', async () => {
  await spool.stream(3);
  const { ingest, acknowledger } = source();
  ingest.drain();
  const { withheld } = await acknowledger.acknowledge();
  assert.match(withheld[0]!.reason, /trust\.json/);
  assert.deepEqual(acknowledged(), {});
});

test('a stream whose copy in the ledger was altered, or lacks a payload, stays; others go', async () => {
  spool.trustFile(folder);
  await spool.stream(5);
  const good = source();
  good.ingest.drain();
  await good.acknowledger.acknowledge();
  const [first] = Object.keys(acknowledged());
  const bad = await spool.writer();
  bad.gap(1, 'before');
  await bad.close('done');
  const lacking = await spool.writer();
  lacking.payload([Buffer.from('body')], 'text/plain');
  await lacking.close('done');
  good.ingest.drain();
  ledger.database.run(`UPDATE lines SET line = replace(line, '"before"', '"after"') WHERE line LIKE '%"before"%'`);
  ledger.database.run('DELETE FROM payloads WHERE stream = ?', [lacking.id]);
  const { withheld } = await good.acknowledger.acknowledge();
  assert.deepEqual(withheld.map(({ stream }) => stream).sort(), [bad.id, lacking.id].sort());
  assert.deepEqual(Object.keys(acknowledged()), [first]);
});

test('a spool of which some could not be read stays', async () => {
  spool.trustFile(folder);
  const writer = await spool.writer();
  await writer.close('done');
  appendFileSync(listSegments(join(spool.folder, writer.id))[0]!.path, 'no frame');
  const { ingest, acknowledger } = source();
  ingest.drain();
  assert.match((await acknowledger.acknowledge()).withheld[0]!.reason, /no evidence/);
  assert.deepEqual(acknowledged(), {});
});
