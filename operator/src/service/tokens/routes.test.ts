import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLaunchVerifier, IdentityError, type LaunchVerifier, type VerifiedLaunch } from '@cairn/identity';
import { podOf, startFixture, type Fixture } from '../fixture.js';

interface Exchanged {
  access_token: string;
  error: string;
  error_description: string;
  code: string;
}

const verifierOf = ({ service }: Fixture): LaunchVerifier =>
  createLaunchVerifier({ issuer: service.tokenService().issuer, jwks: service.tokenService().jwksUri });

async function launched(
  fixture: Fixture,
  subject: string,
  type: string,
  agent: string,
  more?: Record<string, string>,
): Promise<{ token: string; launch: VerifiedLaunch }> {
  const response = await fixture.exchange(subject, type, agent, more);
  const body = (await response.json()) as Exchanged;
  assert.equal(response.status, 200, JSON.stringify(body));
  return { token: body.access_token, launch: await verifierOf(fixture).verify(body.access_token) };
}

async function refused(
  fixture: Fixture,
  error: string,
  code: string | undefined,
  ...exchange: Parameters<Fixture['exchange']>
): Promise<void> {
  const response = await fixture.exchange(...exchange);
  const body = (await response.json()) as Exchanged;
  assert.deepEqual([response.status, body.error, body.code], [400, error, code], body.error_description);
  assert.ok(!body.error_description.includes(exchange[0].slice(-20)), 'an error repeats the token');
}

test("Alice's token becomes a chain of three launches, each minted for its own pod", async (t) => {
  const fixture = await startFixture(t);
  const first = await launched(fixture, await fixture.idToken('alice'), 'id_token', 'planner');
  const second = await launched(fixture, first.token, 'txn_token', 'researcher');
  const third = await launched(fixture, second.token, 'txn_token', 'sql-writer');
  assert.deepEqual(third.launch.root.name, 'alice@example.com');
  assert.deepEqual(third.launch.root.groups, ['analysts']);
  assert.deepEqual(third.launch.launch.path, ['research/planner', 'research/researcher', 'research/sql-writer']);
  assert.deepEqual(third.launch.ancestors, [first.launch.launch.id, second.launch.launch.id]);
  assert.deepEqual(third.launch.pod, podOf('sql-writer'));
  assert.ok(
    first.launch.launch.id < second.launch.launch.id && second.launch.launch.id < third.launch.launch.id,
    'ids sort along the chain',
  );
  await refused(fixture, 'invalid_request', 'depth', third.token, 'txn_token', 'fourth');
  await refused(fixture, 'invalid_request', 'loop', second.token, 'txn_token', 'planner');
});

test('the same subject at the same pod is the same launch, also after a restart; another login or pod is another', async (t) => {
  const fixture = await startFixture(t);
  const token = await fixture.idToken('alice');
  const { launch, token: chain } = await launched(fixture, token, 'id_token', 'planner');
  const child = await launched(fixture, chain, 'txn_token', 'researcher');
  await fixture.restart();
  assert.equal((await launched(fixture, token, 'access_token', 'planner')).launch.launch.id, launch.launch.id);
  assert.equal((await launched(fixture, chain, 'txn_token', 'researcher')).launch.launch.id, child.launch.launch.id);
  assert.notEqual((await launched(fixture, token, 'id_token', 'researcher')).launch.launch.id, launch.launch.id);
  assert.notEqual(
    (await launched(fixture, await fixture.idToken('alice', { nonce: '2' }), 'id_token', 'planner')).launch.launch.id,
    launch.launch.id,
  );
});

test('a pod renews its own launch and nobody else', async (t) => {
  const fixture = await startFixture(t);
  const { launch, token } = await launched(fixture, await fixture.idToken('alice'), 'id_token', 'planner');
  const renewed = await launched(fixture, token, 'txn_token', 'planner', { scope: 'renew' });
  assert.deepEqual(renewed.launch.launch, launch.launch);
  assert.notEqual(renewed.token, token);
  await refused(fixture, 'invalid_request', 'claims', token, 'txn_token', 'researcher', { scope: 'renew' });
  await refused(fixture, 'invalid_scope', undefined, await fixture.idToken('alice'), 'id_token', 'planner', { scope: 'renew' });
});

test('a launch older than a day is not renewed', async (t) => {
  let ahead = 0;
  const fixture = await startFixture(t, { clock: () => Date.now() + ahead, launchSeconds: 3 * 86_400 });
  const { token } = await launched(fixture, await fixture.idToken('alice', { exp: Date.now() }), 'id_token', 'planner');
  ahead = 23 * 3_600_000;
  assert.equal(
    (await fixture.exchange(token, 'txn_token', 'planner', { scope: 'renew', actor_token: await fixture.workloadToken('planner') })).status,
    200,
  );
  ahead = 25 * 3_600_000;
  await refused(fixture, 'invalid_request', 'expired', token, 'txn_token', 'planner', { scope: 'renew' });
});

test('a grant gives the pods of its workload the launch of whoever created it', async (t) => {
  const fixture = await startFixture(t);
  const principal = { iss: 'kubernetes', sub: 'carol', name: 'carol', groups: ['system:authenticated'], authn: 'kubernetes' as const };
  const grant = await fixture.service.grant({ principal, namespace: 'research', agent: 'planner' }, 'nonce-1', 3600);
  const { launch } = await launched(fixture, grant, 'jwt', 'planner');
  assert.deepEqual([launch.root.name, launch.root.authn, launch.launch.depth], ['carol', 'kubernetes', 1]);
  assert.equal((await launched(fixture, grant, 'jwt', 'planner')).launch.launch.id, launch.launch.id);
  await refused(fixture, 'invalid_request', 'claims', grant, 'jwt', 'researcher');
  const parent = { launch: launch.launch, ancestors: launch.ancestors };
  const nested = await fixture.service.grant({ principal, parent, namespace: 'research', agent: 'researcher' }, 'nonce-2', 3600);
  assert.deepEqual((await launched(fixture, nested, 'jwt', 'researcher')).launch.launch.path, ['research/planner', 'research/researcher']);
});

test('a rotation of the signing keys fails no token, old or new', async (t) => {
  const fixture = await startFixture(t);
  const verifier = verifierOf(fixture);
  const subject = await fixture.idToken('alice');
  const before = await launched(fixture, subject, 'id_token', 'planner');
  await verifier.verify(before.token);
  for (let round = 0; round < 3; round++) {
    await fixture.service.rotateKeys();
    await verifier.verify(((await (await fixture.exchange(subject, 'id_token', 'planner')).json()) as Exchanged).access_token);
    await launched(fixture, before.token, 'txn_token', 'researcher');
  }
});

test('revoking a launch ends it and everything below, and exchanging its subject again does not bring it back', async (t) => {
  const fixture = await startFixture(t);
  const subject = await fixture.idToken('alice');
  const first = await launched(fixture, subject, 'id_token', 'planner');
  const second = await launched(fixture, first.token, 'txn_token', 'researcher');
  const wait = fixture.get('/v1/revocations?after=0&wait=30', await fixture.workloadToken('planner'));
  const body = { launch: first.launch.launch.id, reason: 'laptop stolen' };
  assert.equal((await fixture.post('/v1/revocations', body, await fixture.idToken('bob'))).status, 403);
  assert.equal((await fixture.post('/v1/revocations', body, await fixture.idToken('carol'))).status, 201);
  const heard = (await (await wait).json()) as { last: number; revocations: { launch: string; by: string }[] };
  assert.deepEqual([heard.last, heard.revocations[0]?.launch, heard.revocations[0]?.by], [1, body.launch, 'carol@example.com']);
  await fixture.restart();
  await refused(fixture, 'invalid_request', 'revoked', second.token, 'txn_token', 'sql-writer');
  await refused(fixture, 'invalid_request', 'revoked', subject, 'id_token', 'planner');
});

test('a request that is not a proper exchange is refused with the error that RFC 6749 and 8693 name', async (t) => {
  const fixture = await startFixture(t);
  const token = await fixture.idToken('alice');
  const cases: [string, Record<string, string>][] = [
    ['unsupported_grant_type', { grant_type: 'client_credentials' }],
    ['invalid_request', { actor_token: '' }],
    ['invalid_request', { actor_token_type: 'urn:ietf:params:oauth:token-type:access_token' }],
    ['invalid_request', { subject_token_type: 'urn:ietf:params:oauth:token-type:saml1' }],
    ['invalid_request', { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }],
    ['invalid_target', { audience: 'elsewhere' }],
    ['invalid_target', { resource: 'https://elsewhere.example' }],
    ['invalid_scope', { scope: 'everything' }],
  ];
  for (const [error, change] of cases) await refused(fixture, error, undefined, token, 'id_token', 'planner', change);
  await refused(fixture, 'invalid_request', 'audience', await fixture.idToken('alice', { aud: 'elsewhere' }), 'id_token', 'planner');
  await refused(fixture, 'invalid_request', 'expired', await fixture.idToken('alice', { exp: 1 }), 'id_token', 'planner');
  await refused(
    fixture,
    'invalid_request',
    'issuer',
    await fixture.idToken('alice', { iss: 'https://elsewhere.example' }),
    'id_token',
    'planner',
  );
  await refused(fixture, 'invalid_request', 'unknown-key', token, 'txn_token', 'planner');
  await refused(fixture, 'invalid_request', 'unknown-pod', token, 'id_token', 'stranger');
  const twice = await fetch(`${fixture.url}/oauth2/token`, { method: 'POST', body: new URLSearchParams('grant_type=a&grant_type=b') });
  assert.equal(((await twice.json()) as Exchanged).error, 'invalid_request');
  const large = await fetch(`${fixture.url}/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'x'.repeat(90_000) }),
  });
  assert.equal(large.status, 413);
});

test('a refusal says which token did not hold, in the answer and in the log, and repeats neither', async (t) => {
  const logged: string[] = [];
  const fixture = await startFixture(t, { log: (entry) => void logged.push(JSON.stringify(entry)) });
  const [subject, actor] = [await fixture.idToken('alice', { exp: 1 }), await fixture.idToken('bob')];
  const expired = (await (await fixture.exchange(subject, 'id_token', 'planner')).json()) as Exchanged;
  assert.match(expired.error_description, /^subject_token: .*expired/);
  const stranger = (await (await fixture.exchange(subject, 'id_token', 'planner', { actor_token: actor })).json()) as Exchanged;
  assert.match(stranger.error_description, /^actor_token: /);
  assert.equal(logged.filter((line) => line.includes('exchange refused')).length, 2);
  for (const part of `${subject}.${actor}`.split('.')) assert.ok(!logged.some((line) => line.includes(part)), 'the log repeats a token');
});

test('the metadata leads a client to the keys, which may be cached', async (t) => {
  const fixture = await startFixture(t);
  const metadata = (await (await fixture.get('/.well-known/oauth-authorization-server')).json()) as { issuer: string; jwks_uri: string };
  assert.equal(metadata.issuer, fixture.url);
  const jwks = await fetch(metadata.jwks_uri);
  assert.match(jwks.headers.get('cache-control') ?? '', /max-age=300/);
  const { keys } = (await jwks.json()) as { keys: Record<string, string>[] };
  assert.equal(keys.length, 2);
  assert.ok(
    keys.every((key) => key['d'] === undefined),
    'a private key is published',
  );
  assert.equal((await fetch(metadata.jwks_uri, { headers: { 'if-none-match': jwks.headers.get('etag')! } })).status, 304);
});

test('a launch token that another service signed is refused', async (t) => {
  const [one, other] = [await startFixture(t), await startFixture(t)];
  const { token } = await launched(other, await other.idToken('alice'), 'id_token', 'planner');
  const response = await one.exchange(token, 'txn_token', 'researcher');
  assert.equal(response.status, 400);
  await assert.rejects(verifierOf(one).verify(token), IdentityError);
});
