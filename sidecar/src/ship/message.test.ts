import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPICS } from '@cairn/audit';
import { messageOf } from './message.js';

const stream = '01890000-0000-7000-8000-00000000000a';
const event = {
  agent: { name: 'sql-writer', namespace: 'research team', node: 'n', pod: 'p', uid: 'u' },
  id: '01890000-0000-7000-8000-000000000001',
  launch: { chain: 'chain-1', depth: 3, id: 'launch-3', path: ['a', 'b', 'c'] },
  stage: 'intent',
  time: '2026-11-22T09:00:00.000000001Z',
  trace: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
};

test('an event travels as a CloudEvent in binary mode, its line untouched, keyed by its chain', () => {
  const line = JSON.stringify(event);
  const message = messageOf({ kind: 'event', stream, line }, TOPICS);
  assert.equal(message.topic, 'cairn.events.v1');
  assert.equal(message.key, 'chain-1');
  assert.equal(message.value.toString(), line);
  assert.deepEqual(message.headers, {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: 'dev.cairn.audit.v1',
    ce_source: '/namespaces/research%20team/agents/sql-writer',
    ce_time: event.time,
    ce_stage: 'intent',
    ce_subject: 'launch-3',
    ce_traceparent: event.trace.traceparent,
  });
});

test('an event without a launch is keyed by its stream', () => {
  const { launch: _, ...rest } = event;
  const message = messageOf({ kind: 'event', stream, line: JSON.stringify(rest) }, TOPICS);
  assert.equal(message.key, stream);
  assert.equal('ce_subject' in message.headers, false);
});

test('a payload carries its stream and record number, a checkpoint its note', () => {
  const ciphertext = Buffer.from([1, 2, 3]);
  const payload = messageOf({ kind: 'payload', stream, record: 7, ciphertext }, TOPICS);
  assert.deepEqual([payload.topic, payload.key, payload.headers], ['cairn.payloads.v1', stream, { stream, record: '7' }]);
  assert.deepEqual([...payload.value], [1, 2, 3]);
  const note = 'cairn.dev/stream\n1\nroot\n';
  const checkpoint = messageOf({ kind: 'checkpoint', stream, note }, TOPICS);
  assert.deepEqual([checkpoint.topic, checkpoint.key, checkpoint.value.toString()], ['cairn.checkpoints.v1', stream, note]);
});

test('a line that is not JSON is refused rather than sent as something', () => {
  assert.throws(() => messageOf({ kind: 'event', stream, line: '{"id"' }, TOPICS), SyntaxError);
});
