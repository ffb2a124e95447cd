import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGrantVerifier, mintGrant, type Grant } from './grant.js';
import { generateSigningKey } from './signing.js';

const ISSUER = 'https://cairn-operator.cairn-system.svc:8443';
const NOW = 1_800_000_000;
const grant: Grant = {
  principal: { iss: 'kubernetes', sub: 'carol', name: 'carol', groups: ['platform'], authn: 'kubernetes' },
  namespace: 'research',
  agent: 'planner',
  owner: { kind: 'Deployment', name: 'planner' },
  template: `sha256:${'0'.repeat(64)}`,
};

test('a grant says who created which workload, until it expires', async () => {
  const key = await generateSigningKey();
  const token = await mintGrant(key, grant, { issuer: ISSUER, id: 'nonce', now: NOW, lifetimeSeconds: 3600 });
  const verifierAt = (seconds: number) =>
    createGrantVerifier({ issuer: ISSUER, jwks: { keys: [key.publicJwk] }, clock: () => seconds * 1000 });
  assert.deepEqual(await verifierAt(NOW + 10).verify(token), { ...grant, id: 'nonce', issued: NOW, expires: NOW + 3600 });
  await assert.rejects(verifierAt(NOW + 3700).verify(token), { code: 'expired' });
});

test('a grant of another key or issuer does not hold', async () => {
  const [key, other] = [await generateSigningKey(), await generateSigningKey()];
  const terms = { issuer: ISSUER, id: 'nonce', now: NOW, lifetimeSeconds: 3600 };
  const verifier = createGrantVerifier({ issuer: ISSUER, jwks: { keys: [key.publicJwk] }, clock: () => NOW * 1000 });
  const forged = await mintGrant({ ...other, publicJwk: key.publicJwk }, grant, terms);
  await assert.rejects(verifier.verify(forged), { name: 'IdentityError' });
  await assert.rejects(verifier.verify(await mintGrant(key, grant, { ...terms, issuer: 'https://other' })), { code: 'issuer' });
});
