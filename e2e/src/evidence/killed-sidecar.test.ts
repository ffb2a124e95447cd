import assert from 'node:assert/strict';
import { Agent as HttpAgent } from 'node:http';
import { test } from 'node:test';
import { startControlPlane } from '../harness/control-plane.js';
import { askThrough, sinkPolicy, startHttpSink } from '../harness/http-sink.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

/** 200 for the full run; each starts a sidecar anew. */
const ROUNDS = Number(process.env['CAIRN_TEST_KILLS'] ?? 8);
const CLIENTS = 16;
const MOST_REQUESTS = 400;

test(`a sidecar killed under load ${ROUNDS} times never acted without a record`, async () => {
  const sink = await startHttpSink();
  const { reached } = sink;
  const plane = await startControlPlane(sinkPolicy());
  const resolve = { 'sink.internal:80': sink.address };
  let acted = 0;
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      reached.clear();
      const sidecar = await startSidecar({ plane, resolve });
      await loadUntilKilled(sidecar, round, reached);
      const intents = new Set(
        sidecar.events().flatMap(({ stage, operation }) => (stage === 'intent' && operation ? [operation.resource] : [])),
      );
      const unrecorded = [...reached].filter((path) => !intents.has(path));
      assert.deepEqual(unrecorded, [], `round ${round}: ${unrecorded.length} of ${reached.size} requests reached the target unrecorded`);
      acted += reached.size;
      await sidecar.stop();
    }
  } finally {
    await plane.stop();
    sink.close();
  }
  assert.ok(acted >= ROUNDS, 'the load reached the target in every round');
});

/** Keeps clients asking; kills once a random number of requests has reached the target. */
async function loadUntilKilled(sidecar: Sidecar, round: number, reached: ReadonlySet<string>): Promise<void> {
  const killAt = 1 + Math.floor(Math.random() * MOST_REQUESTS);
  const agent = new HttpAgent({ keepAlive: true, maxSockets: CLIENTS });
  let killed: Promise<void> | undefined;
  let number = 0;
  const client = async (): Promise<void> => {
    while (!killed) {
      const path = `/round-${round}/request-${number++}`;
      try {
        await askThrough(sidecar.proxyPort, `http://sink.internal${path}`, { agent });
      } catch {
        return;
      }
      if (reached.size >= killAt) killed ??= sidecar.kill();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  await (killed ?? sidecar.kill());
  agent.destroy();
}
