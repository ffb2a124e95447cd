import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOperatorService, fileStores } from '../index.js';
import { podOf, startFixture } from '../fixture.js';
import { HOST_CHARACTERS } from '../limits.js';

test("a connection past the sidecar is told with its pod; only an agent's sidecar can tell, and only of a host and a port", async (t) => {
  const told: unknown[] = [];
  const fixture = await startFixture(t);
  const { options, stateFolder } = fixture;
  const stores = fileStores(`${stateFolder}-uncaptured`);
  const service = await createOperatorService({ ...options, stores, uncaptured: async (pod, to) => void told.push([pod, to]) });
  const url = await service.listen();
  t.after(() => service.close());
  const token = await fixture.workloadToken('planner');
  const post = async (body: object, bearer = token): Promise<number> => {
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
    return (await fetch(`${url}/v1/uncaptured`, { method: 'POST', headers, body: JSON.stringify(body) })).status;
  };
  assert.equal(await post({ host: '203.0.113.5', port: 443 }), 204);
  assert.deepEqual(told, [[podOf('planner'), { host: '203.0.113.5', port: 443 }]]);
  assert.equal(await post({ host: 'h', port: 443 }, 'nobody'), 401);
  assert.equal(await post({ host: 'h'.repeat(HOST_CHARACTERS + 1), port: 443 }), 400);
  assert.equal(await post({ host: 'h'.repeat(HOST_CHARACTERS), port: 443 }), 204);
  for (const port of [0, 65_536, '443']) assert.equal(await post({ host: 'h', port }), 400);
  assert.match(await service.registry.metrics(), /cairn_operator_uncaptured_connections_total 2/);
});
