import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from '../harness/control-plane.js';
import { askThrough, sinkPolicy, startHttpSink } from '../harness/http-sink.js';
import { startSidecar } from '../harness/sidecar.js';

const policy = (rules: string): string => sinkPolicy({ rules, level: 'Metadata' });

test('a rule change acts on a running sidecar, and the last good policy outlives the operator', async () => {
  const sink = await startHttpSink();
  const plane = await startControlPlane(policy(''));
  const sidecar = await startSidecar({ plane, resolve: { 'sink.internal:80': sink.address } });
  const ask = (): ReturnType<typeof askThrough> => askThrough(sidecar.proxyPort, 'http://sink.internal/x');
  try {
    assert.equal((await ask()).status, 200);
    plane.apply(policy('{name: closed, match: {targets: [sink]}, action: Deny, reason: closed for the night}'));
    await logged(sidecar.log, 'policy changed');
    const denied = await ask();
    assert.equal(denied.status, 403);
    assert.match(denied.body, /closed for the night/);
    await plane.stop();
    assert.equal((await ask()).status, 403);
  } finally {
    await sidecar.stop();
    sink.close();
  }
});

async function logged(log: readonly string[], message: string): Promise<void> {
  const until = Date.now() + 10_000;
  while (!log.some((line) => line.includes(message))) {
    if (Date.now() > until) throw new Error(`never logged: ${message}\n${log.join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
