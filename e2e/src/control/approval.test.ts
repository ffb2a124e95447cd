/** Approvals over HTTP, through a real sidecar and the operator's service: asked, decided by a person, used once. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, test } from 'node:test';
import { startOidcProvider, type OidcProvider } from '@cairn/cli';
import type { Approval } from '@cairn/crds';
import { corpProvider, startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { askThrough, sinkPolicy, startHttpSink, type Answer, type HttpSink } from '../harness/http-sink.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

/** Long enough for somebody to decide, short enough for this test. */
const HOLD_SECONDS = 8;

const RULES =
  '{name: writes, match: {targets: [sink], effects: [write]}, action: RequireApproval, reason: writes want a second pair of eyes, approval: {groups: [db-owners], minimum: 1, timeout: 10m}}';

let oidc: OidcProvider;
let plane: ControlPlane;
let sink: HttpSink;
let sidecar: Sidecar;

before(async () => {
  oidc = await startOidcProvider({
    users: [
      { name: 'bob@example.com', groups: ['db-owners'] },
      { name: 'mallory@example.com', groups: ['analysts'] },
    ],
  });
  const policy = sinkPolicy({ rules: RULES }).replace('providers: []', 'providers: [corp]');
  plane = await startControlPlane([policy, corpProvider(oidc.issuer)].join('---'));
  sink = await startHttpSink();
  sidecar = await startSidecar({ plane, resolve: { 'sink.internal:80': sink.address }, env: { CAIRN_HOLD_SECONDS: String(HOLD_SECONDS) } });
});
after(async () => {
  await sidecar.stop();
  sink.close();
  await plane.stop();
  await oidc.close();
});

/** On a connection of its own unless `agent` keeps one. */
function post(path: string, body: string, agent = new Agent({ keepAlive: false })): Promise<Answer> {
  return askThrough(sidecar.proxyPort, `http://sink.internal${path}`, { body, agent });
}

async function api(user: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const { idToken } = await oidc.login({ user });
  const response = await fetch(`${plane.url}${path}`, {
    headers: { authorization: `Bearer ${idToken}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: await response.json() };
}

/** The approval that waits for this path. */
async function pending(path: string): Promise<Approval> {
  const until = performance.now() + 10_000;
  for (;;) {
    const { body } = await api('bob@example.com', '/v1/approvals?state=pending');
    const found = (body as { approvals: Approval[] }).approvals.find(({ summary }) => summary.includes(path));
    if (found) return found;
    assert.ok(performance.now() < until, `no approval was asked for ${path}`);
  }
}

test('a held POST passes once somebody of the group approved it, and nobody else can', async () => {
  const held = post('/orders/1', '{"discount":10}');
  const approval = await pending('/orders/1');
  assert.equal(approval.summary, 'POST /orders/1');
  assert.ok(!sink.reached.has('/orders/1'), 'it does not leave before');
  const vote = `/v1/approvals/${approval.id}/votes`;
  assert.notEqual((await api('mallory@example.com', vote, { decision: 'approve' })).status, 200);
  assert.ok(!sink.reached.has('/orders/1'));
  assert.equal((await api('bob@example.com', vote, { decision: 'approve', reason: 'agreed' })).status, 200);
  assert.equal((await held).status, 200);
  assert.ok(sink.reached.has('/orders/1'));
  const events = await sidecar.eventsWhen((all) =>
    all.some(({ stage, operation }) => stage === 'complete' && operation?.resource === '/orders/1'),
  );
  const decided = events.find(({ stage, operation }) => stage === 'decision' && operation?.resource === '/orders/1');
  assert.deepEqual(decided?.decision?.approval?.approvers, ['bob@example.com']);
});

test('a held POST whose target closes its idle connection meanwhile goes out on a new one', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal((await askThrough(sidecar.proxyPort, 'http://sink.internal/warm', { agent })).status, 200);
  const held = post('/orders/idle', '{"discount":15}', agent);
  const approval = await pending('/orders/idle');
  sink.closeIdle();
  await api('bob@example.com', `/v1/approvals/${approval.id}/votes`, { decision: 'approve' });
  const answer = await held;
  agent.destroy();
  assert.equal(answer.status, 200, answer.body);
  assert.ok(sink.reached.has('/orders/idle'));
});

test(
  'one that nobody decides on in time is answered as pending, early; the same bytes pass once when sent again after the approval',
  { timeout: 90_000 },
  async () => {
    const began = performance.now();
    const early = await post('/orders/2', '{"discount":20}');
    const waited = (performance.now() - began) / 1000;
    assert.ok(waited >= HOLD_SECONDS - 0.1 && waited < HOLD_SECONDS + 10, `after ${waited} s`);
    assert.equal(early.status, 403);
    const problem = JSON.parse(early.body) as { type: string; approval: string };
    assert.match(problem.type, /approval-pending$/);
    assert.ok(Number(early.headers['retry-after']) > 0);
    const approval = await pending('/orders/2');
    assert.equal(problem.approval, approval.id);
    await api('bob@example.com', `/v1/approvals/${approval.id}/votes`, { decision: 'approve' });
    assert.ok(!sink.reached.has('/orders/2'));

    const others = post('/orders/2', '{"discount":90}');
    const other = await pending('/orders/2');
    assert.notEqual(other.id, approval.id, 'other bytes are another request');
    const again = await post('/orders/2', '{"discount":20}');
    assert.equal(again.status, 200, again.body);
    assert.ok(sink.reached.has('/orders/2'));
    await api('bob@example.com', `/v1/approvals/${other.id}/votes`, { decision: 'deny', reason: 'too much' });
    const denied = await others;
    assert.equal(denied.status, 403);
    assert.match(denied.body, /approval-denied.*denied by bob@example.com: too much/s);

    const twice = post('/orders/2', '{"discount":20}');
    const next = await pending('/orders/2');
    assert.notEqual(next.id, approval.id, 'the approval is used up');
    await api('bob@example.com', `/v1/approvals/${next.id}/votes`, { decision: 'deny' });
    assert.equal((await twice).status, 403);
  },
);
