import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kafkaSource } from './evidence-source.js';

test('Kafka as a source: one broker or several, with a topic or without', () => {
  assert.deepEqual(kafkaSource('kafka://localhost:9092'), { brokers: ['localhost:9092'], topic: '' });
  assert.deepEqual(kafkaSource('kafka://a:9092,b:9093/cairn.events.v1'), { brokers: ['a:9092', 'b:9093'], topic: 'cairn.events.v1' });
  assert.deepEqual(kafkaSource('kafka://[::1]:9092/'), { brokers: ['[::1]:9092'], topic: '' });
});

test('what names no broker is refused with how to write it', () => {
  for (const wrong of ['kafka://', 'kafka://host', 'kafka://a:9092,', 'kafka:///topic'])
    assert.throws(() => kafkaSource(wrong), /write kafka:\/\/host:port/, wrong);
});
