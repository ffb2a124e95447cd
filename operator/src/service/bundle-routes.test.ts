import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFixture } from './fixture.js';

test('a sidecar gets its bundle, and nothing while it has not changed', async (t) => {
  const fixture = await startFixture(t);
  const token = await fixture.workloadToken('planner');
  const first = await fixture.get('/v1/bundle', token);
  assert.equal(first.headers.get('etag'), '"1"');
  const bundle = (await first.json()) as { tokenService: object };
  assert.deepEqual(bundle.tokenService, {
    issuer: fixture.url,
    jwksUri: `${fixture.url}/.well-known/jwks.json`,
    tokenEndpoint: `${fixture.url}/oauth2/token`,
  });
  assert.equal((await fixture.get('/v1/bundle', token, { 'if-none-match': '"1"' })).status, 304);
  assert.equal((await fixture.get('/v1/bundle?wait=1', token, { 'if-none-match': '"1"' })).status, 304);
  assert.equal((await fixture.get('/v1/bundle?wait=soon', token)).status, 400);
});

test('a sidecar that waits hears of a new version at once, and is not woken by one that is the same to it', async (t) => {
  const asked: string[] = [];
  const fixture = await startFixture(t, {
    bundleFor: ({ name }) => {
      asked.push(name);
      return { ...fixture.bundle, providers: [], tokenService: fixture.service.tokenService() };
    },
  });
  const waiting = fixture.get('/v1/bundle?wait=60', await fixture.workloadToken('planner'), { 'if-none-match': '"1"' });
  while (asked.length < 1) await new Promise(setImmediate);
  fixture.service.bundlesChanged();
  while (asked.length < 2) await new Promise(setImmediate);
  fixture.bundle.version = '2';
  fixture.service.bundlesChanged();
  const response = await waiting;
  assert.deepEqual([response.status, response.headers.get('etag')], [200, '"2"']);
});

test('closing the service answers those who wait', async (t) => {
  const asked: string[] = [];
  const fixture = await startFixture(t, {
    bundleFor: ({ name }) => {
      asked.push(name);
      return { ...fixture.bundle, providers: [], tokenService: fixture.service.tokenService() };
    },
  });
  const waiting = fixture.get('/v1/bundle?wait=60', await fixture.workloadToken('planner'), { 'if-none-match': '"1"' });
  while (asked.length < 1) await new Promise(setImmediate);
  await fixture.restart();
  assert.equal((await waiting).status, 304);
});

test('a pod without a policy is told so, and a stranger gets nothing', async (t) => {
  const fixture = await startFixture(t, { bundleFor: () => undefined });
  const none = await fixture.get('/v1/bundle', await fixture.workloadToken('planner'));
  assert.equal(none.status, 404);
  assert.equal(none.headers.get('content-type'), 'application/problem+json; charset=utf-8');
  assert.deepEqual(await none.json(), {
    type: 'about:blank',
    title: 'Not found',
    status: 404,
    detail: 'no AuditPolicy applies to research/planner',
    code: 'no-policy',
  });
  assert.equal((await fixture.get('/v1/bundle')).status, 401);
  assert.equal((await fixture.get('/v1/bundle', await fixture.workloadToken('stranger'))).status, 403);
  assert.equal((await fixture.get('/v1/bundle', await fixture.idToken('alice'))).status, 401);
  assert.equal((await fixture.get('/nowhere')).status, 404);
});

test('metrics count by route, without ids and names', async (t) => {
  const fixture = await startFixture(t);
  await (await fixture.get('/v1/approvals/some-id', await fixture.workloadToken('planner'))).text();
  await (await fixture.exchange(await fixture.idToken('alice'), 'id_token', 'planner')).text();
  const text = await (await fixture.get('/metrics')).text();
  assert.match(text, /cairn_operator_requests_total\{method="GET",route="\/v1\/approvals\/:id",status="404"\} 1/);
  assert.match(text, /cairn_operator_exchanges_total\{result="launched"\} 1/);
  assert.match(text, /cairn_operator_waiters 0/);
  assert.ok(!text.includes('some-id') && !text.includes('alice'));
});

test('every answer forbids to be sniffed, framed, run and kept', async (t) => {
  const fixture = await startFixture(t);
  const { headers } = await fixture.get('/healthz');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('x-powered-by'), null);
});
