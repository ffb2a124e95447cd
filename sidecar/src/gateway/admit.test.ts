import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podUri } from '@cairn/identity';
import { admitHop, type HopQuestion } from './admit.js';

const BINDING = { pod: { namespace: 'research', name: 'planner-0', uid: 'u-1' }, agent: 'planner', policy: 'strict', node: 'node-1' };
const asked = (more: Partial<HopQuestion> = {}, headers: Record<string, string> = {}): HopQuestion => ({
  url: '/v1/hop',
  headers: { upgrade: 'cairn-hop/1', 'cairn-destination': 'orders.data.svc:5432', ...headers },
  names: `URI:${podUri(BINDING)}`,
  ...more,
});

test('a sidecar of the operator’s is known by its certificate, and says where to', () => {
  const destination = { host: 'orders.data.svc', port: 5432 };
  assert.deepEqual(admitHop(asked()), { binding: BINDING, destination, reroutes: false });
  assert.deepEqual(admitHop(asked({}, { 'cairn-destination': '[fd00::1]:80', 'cairn-reroute': '1' })), {
    binding: BINDING,
    destination: { host: 'fd00::1', port: 80 },
    reroutes: true,
  });
});

for (const [what, question, status] of [
  ['another path', asked({ url: '/v1/bundle' }), 426],
  ['no upgrade', asked({}, { upgrade: 'websocket' }), 426],
  ['no certificate', asked({ names: undefined }), 403],
  ['a certificate of a server', asked({ names: 'DNS:cairn-gateway.cairn-system.svc' }), 403],
  ['a certificate of two names', asked({ names: `URI:${podUri(BINDING)}, URI:${podUri({ ...BINDING, agent: 'other' })}` }), 403],
  ['a quoted name', asked({ names: `URI:"${podUri(BINDING)}"` }), 403],
  ['no destination', asked({}, { 'cairn-destination': '' }), 400],
  ['port 0', asked({}, { 'cairn-destination': 'orders:0' }), 400],
  ['a port over 65535', asked({}, { 'cairn-destination': 'orders:65536' }), 400],
] as const) {
  test(`${what}: refused with ${status} and how to mend it`, () => {
    const refusal = admitHop(question);
    assert.ok('status' in refusal);
    assert.equal(refusal.status, status);
    assert.ok(refusal.detail.length > 20);
  });
}
