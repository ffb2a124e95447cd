import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateSigningKey, signJwt } from './signing.js';
import { createWorkloadVerifier, mintWorkloadToken } from './workload.js';

const issuer = 'https://kubernetes.default.svc.cluster.local';
const now = 1_790_000_000;
const key = await generateSigningKey();
const verifier = createWorkloadVerifier({ issuer, jwks: { keys: [key.publicJwk] }, clock: () => now * 1000 });
const workload = { pod: { namespace: 'research', name: 'planner-0', uid: 'uid-1' }, serviceAccount: 'planner' };
const terms = { issuer, now, lifetimeSeconds: 600 };

/** As an API server 1.35 writes it. */
const claims = {
  aud: ['cairn.dev'],
  exp: now + 600,
  iat: now,
  nbf: now,
  iss: issuer,
  jti: '0fd4f7d6-2f16-4bbd-8f8f-0b4f5a7c3d2e',
  'kubernetes.io': {
    namespace: 'research',
    node: { name: 'node-1', uid: 'n-1' },
    pod: { name: 'planner-0', uid: 'uid-1' },
    serviceaccount: { name: 'planner', uid: 'sa-1' },
  },
  sub: 'system:serviceaccount:research:planner',
};

test("a pod's own token names the pod, whether an API server or the demo made it", async () => {
  assert.deepEqual(await verifier.verify(await signJwt(key, 'JWT', claims)), workload);
  assert.deepEqual(await verifier.verify(await mintWorkloadToken(key, workload, terms)), workload);
});

test('tokens for the API server, of other clusters, expired, unbound or contradicting themselves are refused', async () => {
  const refused = async (code: string, change: Record<string, unknown>): Promise<void> =>
    assert.rejects(
      signJwt(key, 'JWT', { ...claims, ...change }).then((token) => verifier.verify(token)),
      { code },
    );
  await refused('audience', { aud: ['https://kubernetes.default.svc'] });
  await refused('issuer', { iss: 'https://other' });
  await refused('expired', { exp: now - 61 });
  await refused('claims', { 'kubernetes.io': { namespace: 'research', serviceaccount: { name: 'planner', uid: 'sa-1' } } });
  await refused('claims', { 'kubernetes.io': undefined });
  await refused('claims', { sub: 'system:serviceaccount:kube-system:planner' });
  await assert.rejects(verifier.verify(await mintWorkloadToken(await generateSigningKey(), workload, terms)), { code: 'unknown-key' });
});
