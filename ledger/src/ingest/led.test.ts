import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KAFKA_RETRIES } from '../limits.js';
import { onceLed } from './led.js';

/** A broker that answers so many times with an error of this type, as kafkajs names it, and then with 1. */
function broker(times: number, type = 'NOT_LEADER_FOR_PARTITION'): { ask: () => Promise<number>; asked: () => number } {
  let asked = 0;
  const ask = (): Promise<number> => (asked++ < times ? Promise.reject(Object.assign(new Error(type), { type })) : Promise.resolve(1));
  return { ask, asked: () => asked };
}

const { signal } = new AbortController();

test(`a broker that does not lead yet is asked again, ${KAFKA_RETRIES} times`, async () => {
  assert.equal(await onceLed(broker(KAFKA_RETRIES).ask, signal, 0), 1);
  const never = broker(KAFKA_RETRIES + 1);
  await assert.rejects(onceLed(never.ask, signal, 0), /NOT_LEADER_FOR_PARTITION/);
  assert.equal(never.asked(), KAFKA_RETRIES + 1);
});

test('any other error is told at once, and so is this one to who has given up', async () => {
  const other = broker(1, 'TOPIC_AUTHORIZATION_FAILED');
  await assert.rejects(onceLed(other.ask, signal, 0), /TOPIC_AUTHORIZATION_FAILED/);
  assert.equal(other.asked(), 1);
  await assert.rejects(onceLed(broker(1).ask, AbortSignal.abort(), 0), /NOT_LEADER_FOR_PARTITION/);
});
