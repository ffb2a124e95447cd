import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { AuditEvent } from './event.js';
import { ExportError, exportHeader, verifyExport } from './export.js';
import { readCheckpoint } from './checkpoint/checkpoint.js';
import { testAuthority, writeLog, type TestAuthority, type TestLog } from './testing/log.js';

let authority: TestAuthority;
let logs: TestLog[];
let lines: string[];

before(async () => {
  authority = await testAuthority();
  logs = [await writeLog(authority, 3), await writeLog(authority, 2)];
  const checkpoints = logs.map(({ notes }) => notes.at(-1)!);
  const events = logs.flatMap((log) => log.lines);
  lines = [exportHeader({ ...authority.trust, checkpoints, events: events.length }), ...events];
});

describe('an export', () => {
  test('holds as it was written, as text and as bytes', async () => {
    const report = await verifyExport(lines);
    assert.equal(report.integrity.held, true);
    assert.equal(report.coverage.complete, true);
    assert.equal(report.trust, 'export');
    assert.deepEqual(await verifyExport(lines.map((line) => Buffer.from(line))), report);
  });

  test('says whose word it took', async () => {
    const report = await verifyExport(lines, { trust: authority.trust });
    assert.equal(report.trust, 'given');
    const stranger = await testAuthority();
    const doubted = await verifyExport(lines, { trust: stranger.trust });
    assert.deepEqual(
      doubted.integrity.findings.map(({ kind, seq }) => `${kind} ${seq}`),
      ['forged 0', 'forged 0'],
    );
  });

  test('names the line that was altered', async () => {
    const report = await verifyExport(lines.with(2, lines[2]!.replace('GET', 'PUT')));
    const [found] = report.integrity.findings;
    assert.equal(report.integrity.findings.length, 1);
    const id = (JSON.parse(lines[2]!) as AuditEvent).id;
    assert.deepEqual([found!.kind, found!.where, found!.event], ['altered', 3, id]);
    assert.match(found!.sentence, new RegExp(id));
  });

  test('misses each line that is gone', async () => {
    for (let index = 1; index < lines.length; index++) {
      const { findings } = (await verifyExport(lines.toSpliced(index, 1))).integrity;
      assert.equal(findings.length, 1);
      assert.match(findings[0]!.kind, /missing|truncated/);
    }
  });

  test('misses a stream that is gone with its checkpoint by its count, and by a witness', async () => {
    const [kept] = logs;
    const header = exportHeader({ ...authority.trust, checkpoints: [kept!.notes.at(-1)!], events: lines.length - 1 });
    const partial = [header, ...kept!.lines];
    assert.match((await verifyExport(partial)).integrity.findings[0]!.sentence, /the header speaks of/);
    const witness = logs.map(({ notes }) => readCheckpoint(notes.at(-1)!));
    assert.deepEqual(
      (await verifyExport(partial, { witness })).integrity.findings.map(({ kind }) => kind),
      ['missing'],
    );
  });

  test('is refused where it is none', async () => {
    await assert.rejects(verifyExport([]), ExportError);
    await assert.rejects(verifyExport(lines.slice(1)), ExportError);
    await assert.rejects(verifyExport(['{"cairn":"export","version":2}']), /version 2/);
    await assert.rejects(verifyExport(['{"cairn":"export","version":1}']), /lacks/);
    await assert.rejects(verifyExport([Buffer.from([0xff])]), ExportError);
  });
});
