import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLaunchVerifier, createOidcVerifier, createWorkloadVerifier, generateSigningKey, mintWorkloadToken } from '@cairn/identity';
import { createOperatorService, fileStores } from '@cairn/operator';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOidcProvider } from './oidc.js';

const spec = (issuer: string) => ({ issuer, audiences: ['cairn'], groupsClaim: 'groups', usernameClaim: 'email' });

test('Alice logs in at the real provider, and both of her tokens name her and her groups', async (t) => {
  const provider = await startOidcProvider({ failed: (error) => assert.ifError(error) });
  t.after(() => provider.close());
  const tokens = await provider.login({ user: 'alice' });
  const verifier = createOidcVerifier(spec(provider.issuer));
  for (const token of [tokens.idToken, tokens.accessToken]) {
    const { principal } = await verifier.verify(token);
    assert.deepEqual(principal, { iss: provider.issuer, sub: 'alice', name: 'alice@example.com', groups: ['analysts'], authn: 'oidc' });
  }
  const other = createOidcVerifier({ ...spec(provider.issuer), audiences: ['elsewhere'] });
  await assert.rejects(other.verify(tokens.idToken), { code: 'audience' });
});

test('a wrong password and a stranger do not get in', async (t) => {
  const provider = await startOidcProvider({ users: [{ name: 'eve@example.com', groups: [], password: 'right' }] });
  t.after(() => provider.close());
  const { login } = await import('./oidc-login.js');
  await assert.rejects(login({ issuer: provider.issuer, client: 'cairn', name: 'eve@example.com', password: 'wrong' }), /status 401/);
  await assert.rejects(provider.login({ user: 'mallory' }), /nobody whom the provider knows/);
});

test('the provider rotates its keys and no token fails, neither the old ones nor the new ones', async (t) => {
  const provider = await startOidcProvider();
  t.after(() => provider.close());
  const verifier = createOidcVerifier(spec(provider.issuer));
  const before = await provider.login({ user: 'alice' });
  await verifier.verify(before.idToken);
  await provider.rotate();
  const after = await provider.login({ user: 'bob' });
  assert.equal((await verifier.verify(after.idToken)).principal.name, 'bob@example.com');
  await verifier.verify(before.accessToken);
});

test('three pods exchange what they were called with: Alice at the root, depth one, two and three', async (t) => {
  const provider = await startOidcProvider();
  const stateFolder = await mkdtemp(join(tmpdir(), 'cairn-exchange-'));
  const cluster = await generateSigningKey();
  const service = await createOperatorService({
    stores: fileStores(stateFolder),
    workloads: createWorkloadVerifier({ issuer: 'https://cluster', jwks: { keys: [cluster.publicJwk] } }),
    providers: [{ oidc: spec(provider.issuer) }],
    bundleFor: () => undefined,
    agentOf: ({ name, namespace }) => ({ name, namespace, maxDepth: 3, allowLoops: false }),
    log: () => undefined,
  });
  const url = await service.listen();
  t.after(async () => {
    await Promise.all([service.close(), provider.close()]);
    await rm(stateFolder, { recursive: true });
  });

  const exchange = async (subject: string, type: string, name: string): Promise<string> => {
    const workload = { pod: { namespace: 'research', name, uid: `uid-${name}` }, serviceAccount: 'default' };
    const now = Math.floor(Date.now() / 1000);
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subject,
      subject_token_type: `urn:ietf:params:oauth:token-type:${type}`,
      actor_token: await mintWorkloadToken(cluster, workload, { issuer: 'https://cluster', now, lifetimeSeconds: 60 }),
      actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    });
    const response = await fetch(`${url}/oauth2/token`, { method: 'POST', body });
    return ((await response.json()) as { access_token: string }).access_token;
  };
  const { accessToken } = await provider.login({ user: 'alice' });
  const first = await exchange(accessToken, 'access_token', 'planner');
  const second = await exchange(first, 'txn_token', 'researcher');
  const third = await exchange(second, 'txn_token', 'sql-writer');
  const launch = await createLaunchVerifier({ issuer: url, jwks: service.tokenService().jwksUri }).verify(third);
  assert.deepEqual([launch.root.name, launch.root.groups], ['alice@example.com', ['analysts']]);
  assert.deepEqual(launch.launch.path, ['research/planner', 'research/researcher', 'research/sql-writer']);
});
