import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from '../harness/control-plane.js';
import { askThrough, sinkPolicy, startHttpSink } from '../harness/http-sink.js';
import { startSidecar } from '../harness/sidecar.js';

test('a full spool refuses new work with a clear answer, and nothing passes unrecorded', async () => {
  const sink = await startHttpSink();
  const plane = await startControlPlane(sinkPolicy());
  const sidecar = await startSidecar({ plane, resolve: { 'sink.internal:80': sink.address }, env: { CAIRN_SPOOL_QUOTA_MIB: '1' } });
  try {
    const body = 'x'.repeat(50_000);
    let answer = await askThrough(sidecar.proxyPort, 'http://sink.internal/0', { body });
    for (let number = 1; answer.status === 200; number += 1) {
      assert.ok(number < 100, 'the quota was never reached');
      answer = await askThrough(sidecar.proxyPort, `http://sink.internal/${number}`, { body });
    }
    assert.equal(answer.status, 503);
    assert.match(answer.headers['content-type']!, /problem\+json/);
    assert.match(answer.body, /quota|evidence/i);
    const intents = new Set(sidecar.events().flatMap(({ stage, operation }) => (stage === 'intent' ? [operation?.resource] : [])));
    assert.deepEqual(
      [...sink.reached].filter((path) => !intents.has(path)),
      [],
    );
    const ready = await fetch(`${sidecar.adminUrl}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /quota/i);
  } finally {
    await sidecar.stop();
    await plane.stop();
    sink.close();
  }
});
