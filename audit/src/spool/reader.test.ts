import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { AGENT, appendExchange, temporaryFolder, testAuthority } from '../testing/log.js';
import { createStreamWriter, type SpoolStreamWriter } from '../writer/writer.js';
import { listSegments } from './folder.js';
import { encodeFrame, FRAME_KINDS } from './frame.js';
import { ownerState } from './owner.js';
import { SpoolReader, type SpoolRecord } from './reader.js';
import { recoverSpool } from './recover.js';

const STREAM = '01900000-0000-7000-8000-000000000000';
/** No process has it: pids end at 2^22 (proc(5), pid_max). */
const DEAD = '4194305 1';

let dir: string;
let remove: () => void;
beforeEach(() => ({ dir, remove } = temporaryFolder()));
afterEach(() => remove());

function events(records: readonly SpoolRecord[]): string[] {
  return records.flatMap((record) => (record.kind === 'event' ? [record.line] : []));
}

/** A stream as a killed process leaves it. */
function deadStream(bytes: Buffer): string {
  const folder = join(dir, STREAM);
  mkdirSync(folder);
  writeFileSync(join(folder, 'owner'), DEAD);
  const path = join(folder, '000000000000.seg');
  writeFileSync(path, bytes);
  return path;
}

async function writeStream(segmentBytes?: number): Promise<SpoolStreamWriter> {
  const { certify } = await testAuthority();
  return createStreamWriter({ dir, agent: AGENT, certify, ...(segmentBytes === undefined ? {} : { limits: { segmentBytes } }) });
}

describe('SpoolReader', () => {
  test('follows streams that grow, goes over segments, sees new streams', async () => {
    const reader = new SpoolReader(dir);
    assert.deepEqual(reader.read(10), []);
    const first = await writeStream(4096);
    const read: SpoolRecord[] = [];
    for (let number = 1; number <= 20; number++) {
      appendExchange(first, number);
      first.flush();
      if (number === 10) appendExchange(await writeStream(), 1);
      read.push(...reader.read(7));
    }
    await first.close('test');
    for (let more = reader.read(7); more.length > 0; more = reader.read(7)) read.push(...more);
    const seqs = events(read.filter(({ stream }) => stream === first.id)).map(
      (line) => (JSON.parse(line) as { integrity: { seq: number } }).integrity.seq,
    );
    assert.deepEqual(
      seqs,
      Array.from({ length: 42 }, (_, seq) => seq),
    );
    assert.ok(listSegments(join(dir, first.id)).length > 3);
    assert.equal(new Set(read.map(({ stream }) => stream)).size, 2);
    assert.deepEqual(reader.damaged, []);
  });

  test('goes on from a position, and from the first segment that is left', async () => {
    const writer = await writeStream(4096);
    for (let number = 1; number <= 20; number++) {
      appendExchange(writer, number);
      writer.flush();
    }
    const whole = events(new SpoolReader(dir).read(1000));
    const reader = new SpoolReader(dir);
    const head = events(reader.read(9));
    const position = JSON.parse(JSON.stringify(reader.position)) as typeof reader.position;
    assert.deepEqual([...head, ...events(new SpoolReader(dir, position).read(1000))], whole);
    rmSync(listSegments(join(dir, writer.id))[0]!.path);
    const rest = events(new SpoolReader(dir).read(1000));
    assert.ok(rest.length > 0 && rest.length < whole.length);
    assert.deepEqual(rest, whole.slice(-rest.length));
    await writer.close('test');
  });

  test('waits for a record that is being written, at whichever byte it stands', () => {
    const first = encodeFrame(FRAME_KINDS.events, Buffer.from('{"a":1}\n{"a":2}'));
    const second = encodeFrame(FRAME_KINDS.checkpoint, Buffer.from('note'));
    const path = deadStream(first);
    const reader = new SpoolReader(dir);
    assert.deepEqual(events(reader.read(10)), ['{"a":1}', '{"a":2}']);
    for (const byte of second.subarray(0, -1)) {
      appendFileSync(path, Buffer.from([byte]));
      assert.deepEqual(reader.read(10), []);
    }
    assert.deepEqual(reader.damaged, []);
    appendFileSync(path, second.subarray(-1));
    assert.deepEqual(reader.read(10), [{ kind: 'checkpoint', stream: STREAM, note: 'note' }]);
  });

  test('reads a frame longer than it reads at once', () => {
    const line = `{"a":"${'x'.repeat(3 * 1024 * 1024)}"}`;
    deadStream(Buffer.concat([encodeFrame(FRAME_KINDS.events, Buffer.from('{}')), encodeFrame(FRAME_KINDS.events, Buffer.from(line))]));
    assert.deepEqual(events(new SpoolReader(dir).read(10)), ['{}', line]);
  });

  test('goes past damage to the next segment, and tells of it', () => {
    const whole = encodeFrame(FRAME_KINDS.events, Buffer.from('{"a":1}'));
    const damaged = Buffer.from(whole);
    damaged[12]! ^= 1;
    deadStream(Buffer.concat([whole, damaged, whole]));
    writeFileSync(join(dir, STREAM, `${String(whole.length * 3).padStart(12, '0')}.seg`), whole);
    const reader = new SpoolReader(dir);
    assert.deepEqual(events(reader.read(10)), ['{"a":1}', '{"a":1}']);
    assert.deepEqual(reader.damaged, [{ stream: STREAM, offset: whole.length, bytes: whole.length * 2 }]);
  });

  test('takes a frame that ends early for damage only in a stream that was closed', () => {
    const whole = encodeFrame(FRAME_KINDS.events, Buffer.from('{"a":1}'));
    deadStream(whole.subarray(0, 12));
    const reader = new SpoolReader(dir);
    reader.read(10);
    assert.deepEqual(reader.damaged, []);
    rmSync(join(dir, STREAM, 'owner'));
    reader.read(10);
    assert.deepEqual(reader.damaged, [{ stream: STREAM, offset: 0, bytes: 12 }]);
  });

  test('does not take bytes for text that are not UTF-8', () => {
    deadStream(encodeFrame(FRAME_KINDS.events, Buffer.from([0x22, 0xff, 0x22])));
    const reader = new SpoolReader(dir);
    assert.deepEqual(reader.read(10), []);
    assert.equal(reader.damaged.length, 1);
  });
});

describe('recovery', () => {
  test('cuts a torn tail at whichever byte back to the last whole frame, and keeps what it cut', () => {
    const whole = encodeFrame(FRAME_KINDS.events, Buffer.from('{"a":1}'));
    for (let torn = 1; torn < whole.length; torn++) {
      const path = deadStream(Buffer.concat([whole, whole.subarray(0, torn)]));
      assert.deepEqual(recoverSpool(dir), [{ stream: STREAM, torn }]);
      assert.deepEqual(readFileSync(path), whole);
      assert.equal(readFileSync(`${path}.torn`).length, whole.length + torn);
      rmSync(join(dir, STREAM), { recursive: true });
    }
  });

  test('leaves whole streams as they are, once', () => {
    const whole = encodeFrame(FRAME_KINDS.events, Buffer.from('{"a":1}'));
    const path = deadStream(whole);
    assert.deepEqual(recoverSpool(dir), [{ stream: STREAM, torn: 0 }]);
    assert.deepEqual(readFileSync(path), whole);
    assert.deepEqual(recoverSpool(dir), []);
  });

  test('never touches a stream whose writer lives', async () => {
    const writer = await writeStream();
    const path = listSegments(join(dir, writer.id))[0]!.path;
    const folder = join(dir, writer.id);
    assert.equal(ownerState(folder), 'alive');
    truncateSync(path, readFileSync(path).length - 1);
    const before = readFileSync(path);
    assert.deepEqual(recoverSpool(dir), []);
    assert.deepEqual(readFileSync(path), before);
    await writer.close('test');
    assert.equal(ownerState(folder), 'closed');
  });

  test('takes a process that got the pid of a dead one for another', () => {
    deadStream(Buffer.from([1]));
    writeFileSync(join(dir, STREAM, 'owner'), `${process.pid} 1`);
    assert.equal(ownerState(join(dir, STREAM)), existsSync('/proc/self/stat') ? 'dead' : 'alive');
  });
});
