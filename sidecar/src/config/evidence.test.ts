import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeEvidence, type Ending } from './evidence.js';
import { createLog } from './log.js';

/** Evidence whose end is written down step by step. */
function evidence(overrides: Partial<Ending> = {}) {
  const done: string[] = [];
  const lines: string[] = [];
  const log = createLog('info', (line) => lines.push((JSON.parse(line) as { message: string }).message));
  const ending: Ending = {
    ring: { drain: () => void done.push('drained') },
    stream: { id: 'stream', close: async () => void done.push('sealed') },
    shipper: { close: async () => void done.push('shipped'), lag: 0 },
    witnessed: async () => void done.push('witnessed'),
    ...overrides,
  };
  const operator = { closeStream: async () => void done.push('closed') };
  return { done, lines, end: () => closeEvidence(ending, operator, 'the sidecar was stopped', log) };
}

test('a stream ends in order: drained, sealed, then witnessed and shipped', async () => {
  const { done, lines, end } = evidence();
  await end();
  assert.deepEqual(done.slice(0, 2), ['drained', 'sealed']);
  assert.deepEqual(done.slice(2).toSorted(), ['closed', 'shipped', 'witnessed']);
  assert.deepEqual(lines, []);
});

test('what is recorded is shipped while the operator does not answer', async () => {
  const never = new Promise<void>(() => undefined);
  await new Promise<void>((resolve) => {
    const { end } = evidence({ witnessed: () => never, shipper: { close: async () => resolve(), lag: 0 } });
    void end();
  });
});

test('a stream that cannot be sealed is witnessed and shipped as it is, and not said to be closed', async () => {
  const { done, lines, end } = evidence({ stream: { id: 'stream', close: () => Promise.reject(new Error('the spool is full')) } });
  await end();
  assert.deepEqual(done, ['drained', 'witnessed', 'shipped']);
  assert.deepEqual(lines, ['the stream has no end']);
});

test('what Kafka did not take until the end is said', async () => {
  const { lines, end } = evidence({ shipper: { close: async () => undefined, lag: 1 } });
  await end();
  assert.match(lines.join(), /left in the spool/);
});
