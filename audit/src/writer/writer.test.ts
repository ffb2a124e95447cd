import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { verifyCheckpoint } from '../checkpoint/checkpoint.js';
import { readCertificate } from '../certificate.js';
import type { AuditEvent } from '../event.js';
import { CHECKPOINT_EVENTS, MAX_BATCH_UNITS, MAX_BATCH_PAYLOAD_BYTES, MAX_LINE_BYTES, MAX_RECORD_BYTES } from '../limits.js';
import { auditorPublicKey, generateAuditorKey } from '../seal/auditor-key.js';
import { listSegments, type SpoolPosition } from '../spool/folder.js';
import { EvidenceError, type LateEvent } from '../stream.js';
import {
  AGENT,
  appendExchange,
  pieces,
  readLog,
  temporaryFolder,
  testAuthority,
  type TestAuthority,
  type TestLog,
} from '../testing/log.js';
import type { Report } from '../verify/report.js';
import { createVerifier } from '../verify/verifier.js';
import type { StreamWriterOptions } from './options.js';
import { createStreamWriter, type SpoolStreamWriter } from './writer.js';

let authority: TestAuthority;
let dir: string;
let remove: () => void;
before(async () => {
  authority = await testAuthority();
});
beforeEach(() => ({ dir, remove } = temporaryFolder()));
afterEach(() => remove());

function open(options: Partial<StreamWriterOptions> = {}): Promise<SpoolStreamWriter> {
  return createStreamWriter({ dir, agent: AGENT, certify: authority.certify, ...options });
}

async function verify(log: TestLog): Promise<Report> {
  const verifier = createVerifier({ trust: authority.trust });
  for (const record of log.records) {
    if (record.kind === 'event') verifier.event(record.line, 0);
    else if (record.kind === 'checkpoint') verifier.checkpoint(record.note);
  }
  return verifier.finish();
}

/** Waits for something that comes of itself. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** What an act that cannot succeed throws. */
function thrown(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

function exchange(writer: SpoolStreamWriter): void {
  appendExchange(writer, 1);
  writer.flush();
}

describe('a stream', () => {
  test('begins with its certificate and ends with its reason', async () => {
    const writer = await open();
    await writer.close('drain');
    const log = readLog(dir, writer.id);
    const [first, last] = log.lines.map((line) => JSON.parse(line) as AuditEvent);
    assert.equal(readCertificate(first!.stream!.certificate)!.sub, writer.id);
    assert.deepEqual([first!.stage, last!.stage, last!.close], ['stream.open', 'stream.close', { reason: 'drain' }]);
    assert.equal((await verify(log)).coverage.complete, true);
  });

  test('holds nothing before a flush and everything after it', async () => {
    const writer = await open();
    assert.equal(writer.append(...pieces({ agent: AGENT, id: 'a', stage: 'intent', time: 't' })), 1);
    assert.equal(writer.append(...pieces({ agent: AGENT, id: 'b', stage: 'intent', time: 't' })), 2);
    assert.equal(readLog(dir, writer.id).lines.length, 1);
    writer.flush();
    assert.equal(readLog(dir, writer.id).lines.length, 3);
    await writer.synced();
    await writer.shipped();
    await writer.close('test');
  });

  test('keeps no payloads without an auditor key', async () => {
    const writer = await open();
    assert.equal(writer.payload([Buffer.from('x')], 'text/plain'), undefined);
    await writer.close('test');
  });

  test('flushes of itself where a batch grows over its limit', async () => {
    const writer = await open();
    const filler = 'x'.repeat(MAX_LINE_BYTES / 2);
    for (let bytes = 0; bytes <= MAX_BATCH_UNITS; bytes += filler.length) {
      writer.append(...pieces({ agent: AGENT, id: 'a', stage: 'intent', protocol: filler, time: 't' }));
    }
    const flushed = readLog(dir, writer.id).lines.length;
    writer.append(...pieces({ agent: AGENT, id: 'b', stage: 'intent', time: 't' }));
    assert.ok(readLog(dir, writer.id).lines.length > flushed);
    await writer.close('test');
    assert.equal((await verify(readLog(dir, writer.id))).integrity.held, true);
  });

  test('flushes of itself where sealed payloads grow over their limit', async () => {
    const writer = await open({ auditorKey: auditorPublicKey(generateAuditorKey().publicJwk) });
    const body = Buffer.alloc(MAX_RECORD_BYTES);
    for (let bytes = 0; bytes < MAX_BATCH_PAYLOAD_BYTES; bytes += body.length) writer.payload([body], 'text/plain');
    assert.equal(readLog(dir, writer.id).payloads.length, 0);
    writer.payload([body], 'text/plain');
    assert.ok(readLog(dir, writer.id).payloads.length > 0);
    await writer.close('test');
    assert.equal((await verify(readLog(dir, writer.id))).integrity.held, true);
  });

  test('takes no event that its readers would refuse for its size', async () => {
    const writer = await open();
    assert.throws(
      () => writer.append('{"agent":{},"id":"a"', `"protocol":"${'x'.repeat(MAX_LINE_BYTES)}","stage":"intent","time":"t"}`),
      RangeError,
    );
    writer.append('{"agent":{},"id":"a"', `"protocol":"${'x'.repeat(MAX_LINE_BYTES - 1000)}","stage":"intent","time":"t"}`);
    await writer.close('test');
    assert.equal((await verify(readLog(dir, writer.id))).integrity.held, true);
  });

  test('asks a late event for its words when the batch is written, and chains it where it was appended', async () => {
    const writer = await open();
    const asked: string[] = [];
    const late = (id: string, protocol = 'p'): LateEvent => ({
      units: 100 + protocol.length,
      head: () => (asked.push(id), `{"agent":{},"id":"${id}"`),
      tail: () => `"protocol":"${protocol}","stage":"intent","time":"t"}`,
    });
    assert.equal(writer.appendLate(late('a')), 1);
    assert.equal(writer.append(...pieces({ agent: AGENT, id: 'b', stage: 'intent', time: 't' })), 2);
    assert.equal(writer.appendLate(late('c')), 3);
    assert.deepEqual(asked, []);
    assert.throws(() => writer.appendLate(late('d', 'x'.repeat(MAX_LINE_BYTES))), RangeError);
    assert.deepEqual(asked, ['d']);
    writer.flush();
    await writer.close('test');
    const log = readLog(dir, writer.id);
    const ids = log.lines.slice(1, 4).map((line) => (JSON.parse(line) as AuditEvent).id);
    assert.deepEqual(
      [asked, ids],
      [
        ['d', 'a', 'c'],
        ['a', 'b', 'c'],
      ],
    );
    assert.equal((await verify(log)).integrity.held, true);
  });

  test('writes nothing of a batch in which words fail, and takes no more', async () => {
    const writer = await open();
    const lines = readLog(dir, writer.id).lines.length;
    writer.append(...pieces({ agent: AGENT, id: 'a', stage: 'intent', time: 't' }));
    writer.appendLate({ units: 10, head: () => assert.fail('no words'), tail: () => '' });
    assert.equal(
      thrown(() => writer.flush()),
      writer.refusing,
    );
    assert.match(writer.refusing!.message, /could not be put into words \(no words\)/);
    assert.equal(readLog(dir, writer.id).lines.length, lines);
  });

  test('counts an event in bytes, whatever its characters take, and keeps every one of them', async () => {
    const writer = await open();
    const event = (characters: number): [string, string] => [
      '{"agent":{},"id":"a"',
      `"protocol":"${'\u20ac'.repeat(characters)}","stage":"intent","time":"t"}`,
    ];
    const most = Math.floor((MAX_LINE_BYTES - 400) / 3);
    assert.throws(() => writer.append(...event(most + 200)), RangeError);
    for (let units = 0; units <= MAX_BATCH_UNITS; units += most) writer.append(...event(most));
    await writer.close('test');
    const log = readLog(dir, writer.id);
    assert.equal((await verify(log)).integrity.held, true);
    assert.ok(log.lines.some((line) => line.includes('\u20ac'.repeat(most))));
  });

  test('says of itself what BestEffort dropped', async () => {
    const writer = await open();
    writer.gap(17, 'ring-full');
    await writer.close('test');
    const [coverage] = (await verify(readLog(dir, writer.id))).coverage.streams;
    assert.deepEqual(coverage!.gaps, { count: 17, reasons: ['ring-full'] });
  });

  test('is refused once it is closed', async () => {
    const writer = await open();
    await writer.close('test');
    await writer.close('again');
    assert.equal(writer.refusing?.code, 'closed');
    assert.equal(
      thrown(() => exchange(writer)),
      writer.refusing,
    );
  });
});

describe('checkpoints', () => {
  test('come with every so many events, by the certified key, once they are on disk', async () => {
    const notes: string[] = [];
    const writer = await open({ onCheckpoint: (note) => notes.push(note) });
    const { x } = readCertificate((JSON.parse(readLog(dir, writer.id).lines[0]!) as AuditEvent).stream!.certificate)!.cnf.jwk;
    await until(() => notes.length === 1);
    for (let events = 1; events < CHECKPOINT_EVENTS; events++)
      writer.append(...pieces({ agent: AGENT, id: 'a', stage: 'intent', time: 't' }));
    writer.flush();
    await writer.synced();
    assert.equal(notes.length, 1);
    writer.append(...pieces({ agent: AGENT, id: 'a', stage: 'intent', time: 't' }));
    writer.flush();
    await writer.synced();
    await writer.close('test');
    assert.deepEqual(
      notes.map((note) => verifyCheckpoint(note, x).size),
      [1, CHECKPOINT_EVENTS + 1, CHECKPOINT_EVENTS + 2],
    );
    assert.deepEqual(readLog(dir, writer.id).notes, notes);
  });

  test('come after a while where there is something new', async () => {
    const notes: string[] = [];
    const writer = await open({ onCheckpoint: (note) => notes.push(note) });
    exchange(writer);
    await until(() => notes.length === 2);
    await writer.close('test');
  });

  test('go on with the new key after a rotation', async () => {
    const writer = await open();
    exchange(writer);
    await writer.rotate();
    exchange(writer);
    await writer.close('test');
    const log = readLog(dir, writer.id);
    const report = await verify(log);
    assert.deepEqual(report.integrity.findings, []);
    assert.equal(report.coverage.complete, true);
    const stages = log.lines.map((line) => (JSON.parse(line) as AuditEvent).stage);
    assert.deepEqual(stages, ['stream.open', 'intent', 'complete', 'key.rotate', 'intent', 'complete', 'stream.close']);
  });
});

describe('segments', () => {
  test('change at their limit and never within a batch', async () => {
    const writer = await open({ limits: { segmentBytes: 8192 } });
    for (let count = 0; count < 30; count++) exchange(writer);
    await writer.close('test');
    assert.ok(listSegments(join(dir, writer.id)).length > 2);
    const report = await verify(readLog(dir, writer.id));
    assert.equal(report.coverage.complete, true);
  });
});

describe('the quota', () => {
  const quotaBytes = 64 * 1024;

  test('refuses new work near it, lets begun work end, and writes nothing beyond it', async () => {
    const writer = await open({ limits: { quotaBytes } });
    while (!writer.refusing) exchange(writer);
    assert.equal(writer.refusing.code, 'quota');
    exchange(writer);
    let error: EvidenceError | undefined;
    let written = readLog(dir, writer.id).lines.length;
    while (!error) {
      try {
        exchange(writer);
        written += 2;
      } catch (thrownError) {
        error = thrownError as EvidenceError;
      }
    }
    assert.equal(error.code, 'quota');
    const log = readLog(dir, writer.id);
    assert.equal(log.lines.length, written);
    assert.equal((await verify(log)).integrity.held, true);
    await assert.rejects(writer.close('test'), { code: 'quota' });
  });

  test('does not count segments that were shipped and deleted', async () => {
    const writer = await open({ limits: { quotaBytes, segmentBytes: 8 * 1024 } });
    const folder = join(dir, writer.id);
    for (let written = 0; written < quotaBytes * 3; written += 1024) {
      exchange(writer);
      assert.equal(writer.refusing, undefined);
      const segments = readdirSync(folder)
        .filter((name) => name.endsWith('.seg'))
        .toSorted();
      for (const name of segments.slice(0, -1)) rmSync(join(folder, name));
    }
    await writer.close('test');
  });

  test('counts what other streams hold, and heals when that is gone', async () => {
    const old = join(dir, '01900000-0000-7000-8000-000000000000');
    mkdirSync(old);
    writeFileSync(join(old, 'old.torn'), Buffer.alloc(quotaBytes - 8192));
    const writer = await open({ limits: { quotaBytes } });
    let lost = 0;
    for (let count = 0; count < 20; count++) {
      try {
        exchange(writer);
      } catch {
        lost += 2;
      }
    }
    assert.ok(lost > 0);
    rmSync(old, { recursive: true });
    await until(() => writer.refusing === undefined);
    exchange(writer);
    await writer.close('test');
    const report = await verify(readLog(dir, writer.id));
    assert.equal(report.integrity.held, true);
    assert.deepEqual(report.coverage.streams[0]!.gaps, { count: lost, reasons: ['quota'] });
    assert.equal(report.coverage.streams[0]!.closed, true);
  });
});

describe('shipping', () => {
  test('is waited for, and refuses new work at the high-water mark until it comes along', async () => {
    let acknowledged: SpoolPosition = {};
    const writer = await open({ acknowledged: () => acknowledged, limits: { highWaterBytes: 16 * 1024 } });
    exchange(writer);
    let shipped = false;
    const waiting = writer.shipped().then(() => (shipped = true));
    await writer.synced();
    assert.equal(shipped, false);
    acknowledged = { [writer.id]: endOf(writer) };
    await waiting;
    while (!writer.refusing) exchange(writer);
    assert.equal(writer.refusing.code, 'high-water');
    exchange(writer);
    acknowledged = { [writer.id]: endOf(writer) };
    await until(() => writer.refusing === undefined);
    exchange(writer);
    await writer.close('test');
    const report = await verify(readLog(dir, writer.id));
    assert.equal(report.integrity.held, true);
    assert.equal(report.coverage.streams[0]!.gaps.count, 0);
  });

  function endOf(writer: SpoolStreamWriter): number {
    const last = listSegments(join(dir, writer.id)).at(-1)!;
    return last.base + statSync(last.path).size;
  }
});

describe('a disk that fails', () => {
  test('is told at opening, with what to do', async () => {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    await assert.rejects(
      open({ dir: join(file, 'spool') }),
      (error: EvidenceError) => error.code === 'io' && /mend the disk/.test(error.message),
    );
  });

  test('halts the stream for good', async () => {
    const writer = await open({ limits: { segmentBytes: 1024 } });
    rmSync(join(dir, writer.id), { recursive: true });
    let error: EvidenceError | undefined;
    // The open segment is still there for us; the next one has no folder.
    while (!error) {
      try {
        exchange(writer);
      } catch (thrownError) {
        error = thrownError as EvidenceError;
      }
    }
    assert.equal(error.code, 'io');
    assert.equal(writer.refusing, error);
    assert.equal(
      thrown(() => exchange(writer)),
      error,
    );
    await assert.rejects(writer.close('test'), { code: 'io' });
    assert.equal(existsSync(join(dir, writer.id)), false);
  });
});
