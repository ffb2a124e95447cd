import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPICS, type SpoolRecord } from '@cairn/audit';
import { ShipError } from './error.js';
import { shipLoop, type LoopContext } from './loop.js';
import { Alarm } from './pace.js';

const record = (seq: number): SpoolRecord => ({ kind: 'checkpoint', stream: 's', note: String(seq) });

/** A spool of `reads`, and a broker that fails where `fails` says so (counted in calls of connect and send). */
function rig(reads: SpoolRecord[][], fails: (call: number) => boolean = () => false) {
  const log: string[] = [];
  const problems: (string | undefined)[] = [];
  const stopped = new Alarm();
  let calls = 0;
  let inFlight = 0;
  let position = 0;
  const step = async (name: string) => {
    assert.equal(++inFlight, 1, 'two calls of the producer at once');
    await Promise.resolve();
    inFlight--;
    const failed = fails(++calls);
    log.push(failed ? `${name} fails` : name);
    if (failed) throw new ShipError('unreachable', 'gone');
  };
  const context: LoopContext = {
    source: {
      read() {
        const records = reads[position] ?? [];
        if (records.length > 0) position++;
        return records;
      },
      get position() {
        return { s: position };
      },
    },
    producer: {
      connect: () => step('connect'),
      send: (messages) => step(`send ${messages.map((message) => message.value.toString()).join(',')}`),
      disconnect: async () => void log.push('disconnect'),
    },
    topics: TOPICS,
    grown: new Alarm(),
    stopped,
    stopping: () => 'drain',
    acknowledged: (reached) => void log.push(`acknowledged ${reached['s']}`),
    idle: () => undefined,
    problem(error) {
      problems.push(error?.code);
      // The back-off is over at once.
      stopped.wake();
    },
  };
  return { context, log, problems };
}

test('the position moves only behind what was acknowledged, in order', async () => {
  const { context, log } = rig([[record(1), record(2)], [record(3)]]);
  await shipLoop(context);
  assert.deepEqual(log, ['connect', 'send 1,2', 'acknowledged 1', 'send 3', 'acknowledged 2', 'disconnect']);
});

test('after a rejection the client is thrown away and the same batch goes out on a new one', async () => {
  const { context, log, problems } = rig([[record(1)], [record(2)]], (call) => call === 3 || call === 4);
  await shipLoop(context);
  assert.deepEqual(log, [
    'connect',
    'send 1',
    'acknowledged 1',
    'send 2 fails',
    'disconnect',
    'connect fails',
    'disconnect',
    'connect',
    'send 2',
    'acknowledged 2',
    'disconnect',
  ]);
  assert.deepEqual(problems, ['unreachable', 'unreachable', undefined]);
});

test('a stop in the middle of an outage leaves the position where it was', async () => {
  const { context, log } = rig([[record(1)]], () => true);
  let attempts = 0;
  await shipLoop({ ...context, stopping: () => (++attempts > 4 ? 'now' : 'no') });
  assert.equal(
    log.some((line) => line.startsWith('acknowledged')),
    false,
  );
  assert.equal(log.at(-1), 'disconnect');
});

test('a spool that cannot be read is told and read again', async () => {
  const { context, log, problems } = rig([[record(1)]]);
  let reads = 0;
  const source = {
    read: (max: number) => {
      if (++reads === 1) throw new Error('EIO');
      return context.source.read(max);
    },
    get position() {
      return context.source.position;
    },
  };
  await shipLoop({ ...context, source, stopping: () => (reads < 2 ? 'no' : 'drain') });
  assert.deepEqual(problems, ['spool', undefined]);
  assert.deepEqual(log, ['connect', 'send 1', 'acknowledged 1', 'disconnect']);
});

test('an event that is not JSON stops the loop before the position passes it', async () => {
  const { context, log } = rig([[{ kind: 'event', stream: 's', line: '{' }]]);
  await assert.rejects(shipLoop(context), SyntaxError);
  assert.deepEqual(log, []);
});
