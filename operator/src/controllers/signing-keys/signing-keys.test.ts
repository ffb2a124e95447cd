import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, KubernetesClient } from '../../kubernetes/index.js';
import { GRANT_SECONDS } from '../../lineage/index.js';
import { PREVIOUS_KEYS_COUNT } from '../../service/index.js';
import type { ClusterKeyRing } from '../../state/key-ring.js';
import { KEY_MS, signingKeysController } from './index.js';

test('a key rotates once it has signed for thirty days, and not before; auditors find what is published', async () => {
  let rotations = 0;
  const jwks = (): unknown => ({ keys: [{ kid: `key ${rotations}` }] });
  const ring = { published: 1000, rotate: async () => void rotations++, jwks } as unknown as ClusterKeyRing;
  const applied: ConfigMap[] = [];
  const client = {
    apply: (_resource: unknown, object: ConfigMap) => Promise.resolve(void applied.push(object)),
  } as unknown as KubernetesClient;
  let now = 1000 + KEY_MS - 1;
  const { reconcile } = signingKeysController({
    state: { keys: () => ring },
    client,
    issuer: 'https://cairn',
    namespace: 'cairn-system',
    clock: () => now,
  });
  const { signal } = new AbortController();
  await reconcile('ring', signal);
  assert.equal(rotations, 0);
  now += 1;
  await reconcile('ring', signal);
  assert.equal(rotations, 1);
  assert.deepEqual(
    applied.map(({ metadata: { namespace, name }, data }) => [namespace, name, JSON.parse(data!['trust.json']!)]),
    ['key 0', 'key 1'].map((kid) => ['cairn-system', 'cairn-trust', { issuer: 'https://cairn', jwks: { keys: [{ kid }] } }]),
  );
});

test('a key stays published for as long as a grant lives that it signed', () => {
  assert.ok(PREVIOUS_KEYS_COUNT * KEY_MS >= GRANT_SECONDS * 1000);
});
