import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Approval, ApprovalRequest, AuditPolicy } from '@cairn/crds';
import { PEOPLE, startFixture, type Fixture, type Person } from '../fixture.js';
import { APPROVALS_OPEN_PER_AGENT_COUNT } from '../limits.js';

const digest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

function requestOf(text: string, more: Partial<ApprovalRequest> = {}): ApprovalRequest {
  const root = { iss: 'https://idp.example', sub: PEOPLE.alice.sub, name: PEOPLE.alice.email, groups: ['analysts'], authn: 'oidc' };
  return {
    digest: digest(text),
    event: 'event-1',
    target: 'orders',
    operations: [{ verb: 'INSERT', resource: 'orders', effect: 'write' }],
    summary: text,
    actor: {
      root,
      launch: { id: 'l', chain: 'c', depth: 1, path: ['research/planner'] },
      agent: { name: 'planner', namespace: 'research' },
    },
    policy: 'research',
    rule: 'writes',
    requirement: { groups: ['db-owners'], minimum: 1, timeout: '30m' },
    ...more,
  };
}

async function ask(fixture: Fixture, request: ApprovalRequest): Promise<{ status: number; approval: Approval }> {
  const response = await fixture.post('/v1/approvals', request, await fixture.workloadToken('planner'));
  return { status: response.status, approval: (await response.json()) as Approval };
}

async function vote(fixture: Fixture, id: string, person: Person, decision: string, claims = {}): Promise<[number, string | undefined]> {
  const response = await fixture.post(`/v1/approvals/${id}/votes`, { decision, reason: 'seen' }, await fixture.idToken(person, claims));
  const { state, code } = (await response.json()) as { state?: string; code?: string };
  return [response.status, state ?? code];
}

async function use(fixture: Fixture, id: string, event?: string): Promise<[number, string | undefined]> {
  const response = await fixture.post(`/v1/approvals/${id}/use`, { event }, await fixture.workloadToken('planner'));
  return [response.status, ((await response.json()) as { code?: string }).code];
}

test('a held write is approved by Bob, found again by the same bytes, and passes once', async (t) => {
  const fixture = await startFixture(t);
  const { status, approval } = await ask(fixture, requestOf('INSERT 1'));
  assert.deepEqual([status, approval.state, approval.used], [201, 'pending', false]);
  const waiting = fixture.get(`/v1/approvals/${approval.id}?wait=60`, await fixture.workloadToken('planner'));
  assert.deepEqual(await use(fixture, approval.id), [409, 'not-approved']);
  assert.deepEqual(await vote(fixture, approval.id, 'bob', 'approve'), [200, 'approved']);
  const decided = (await (await waiting).json()) as Approval;
  assert.deepEqual([decided.state, decided.votes[0]?.approver.name, decided.votes[0]?.reason], ['approved', 'bob@example.com', 'seen']);
  const again = await ask(fixture, requestOf('INSERT 1', { event: 'event-2' }));
  assert.deepEqual([again.status, again.approval.id], [200, approval.id]);
  await fixture.restart();
  const uses = await Promise.all([use(fixture, approval.id), use(fixture, approval.id)]);
  assert.deepEqual(uses.map(([code]) => String(code)).toSorted(), ['200', '409'], 'used exactly once');
  await fixture.restart();
  assert.deepEqual(await use(fixture, approval.id), [409, 'used']);
  assert.notEqual((await ask(fixture, requestOf('INSERT 1'))).approval.id, approval.id, 'the next time needs a new approval');
});

test('a use whose answer was lost is asked for again by the same event, and by no other', async (t) => {
  const fixture = await startFixture(t);
  const { approval } = await ask(fixture, requestOf('INSERT 1'));
  await vote(fixture, approval.id, 'bob', 'approve');
  assert.deepEqual(await use(fixture, approval.id, 'event-1'), [200, undefined]);
  await fixture.restart();
  assert.deepEqual(await use(fixture, approval.id, 'event-1'), [200, undefined]);
  assert.deepEqual(await use(fixture, approval.id, 'event-2'), [409, 'used']);
  assert.deepEqual(await use(fixture, approval.id), [409, 'used']);
});

test('whoever set the action in motion cannot approve it, whatever groups and provider they have', async (t) => {
  const fixture = await startFixture(t);
  const { approval } = await ask(
    fixture,
    requestOf('INSERT 2', { requirement: { groups: ['db-owners', 'analysts'], minimum: 1, timeout: '30m' } }),
  );
  assert.deepEqual(await vote(fixture, approval.id, 'alice', 'approve'), [403, 'self-approval']);
  assert.deepEqual(await vote(fixture, approval.id, 'alice', 'approve', { email: 'ALICE@example.com' }), [403, 'self-approval']);
  assert.deepEqual(await vote(fixture, approval.id, 'alice', 'deny'), [403, 'self-approval']);
  assert.deepEqual(
    await vote(fixture, approval.id, 'bob', 'approve', { email: 'research/planner' }),
    [403, 'self-approval'],
    'an agent of the chain',
  );
  assert.deepEqual(await vote(fixture, approval.id, 'dave', 'approve'), [403, 'not-in-group']);
  assert.deepEqual(await vote(fixture, approval.id, 'bob', 'maybe'), [400, 'malformed']);
  assert.equal(
    (await fixture.post(`/v1/approvals/${approval.id}/votes`, { decision: 'approve' }, await fixture.workloadToken('planner'))).status,
    401,
  );
  assert.deepEqual(await vote(fixture, approval.id, 'bob', 'approve', { exp: 1 }), [401, 'expired']);
  assert.deepEqual(await vote(fixture, approval.id, 'bob', 'approve'), [200, 'approved']);
});

test('a quorum of two needs two people, nobody counts twice, and one denial ends it', async (t) => {
  const fixture = await startFixture(t);
  const requirement = { groups: ['db-owners'], minimum: 2, timeout: '30m' };
  const { approval } = await ask(fixture, requestOf('INSERT 3', { requirement }));
  assert.deepEqual(await vote(fixture, approval.id, 'bob', 'approve'), [200, 'pending']);
  assert.deepEqual(await vote(fixture, approval.id, 'bob', 'approve'), [409, 'already-voted']);
  assert.deepEqual(await use(fixture, approval.id), [409, 'not-approved']);
  assert.deepEqual(await vote(fixture, approval.id, 'carol', 'approve'), [200, 'approved']);
  const denied = await ask(fixture, requestOf('INSERT 4', { requirement }));
  assert.deepEqual(await vote(fixture, denied.approval.id, 'bob', 'approve'), [200, 'pending']);
  assert.deepEqual(await vote(fixture, denied.approval.id, 'carol', 'deny'), [200, 'denied']);
  assert.deepEqual(await use(fixture, denied.approval.id), [409, 'not-approved']);
});

test('an approval expires, pending or approved', async (t) => {
  let ahead = 0;
  const fixture = await startFixture(t, { clock: () => Date.now() + ahead });
  const { approval: pending } = await ask(
    fixture,
    requestOf('INSERT 5', { requirement: { groups: ['db-owners'], minimum: 1, timeout: '40s' } }),
  );
  const { approval: approved } = await ask(
    fixture,
    requestOf('INSERT 6', { requirement: { groups: ['db-owners'], minimum: 1, timeout: '40s' } }),
  );
  await vote(fixture, approved.id, 'bob', 'approve');
  ahead = 45_000;
  assert.deepEqual(await vote(fixture, pending.id, 'bob', 'approve'), [409, 'not-pending']);
  assert.deepEqual(await use(fixture, approved.id), [409, 'not-approved']);
  const held = await fixture.get(`/v1/approvals/${pending.id}?wait=60`, await fixture.workloadToken('planner'));
  assert.equal(((await held.json()) as Approval).state, 'expired');
});

test('the requirement is at least what the policy states, whatever the asker says', async (t) => {
  const fixture = await startFixture(t);
  const rule = { name: 'writes', approval: { groups: ['cairn-admins', 'db-owners'], minimum: 2, timeout: '1h' } };
  fixture.bundle.policies = [{ metadata: { name: 'research', namespace: 'research' }, spec: { rules: [rule] } } as unknown as AuditPolicy];
  const stated = async (groups: string[], minimum: number, timeout: string): Promise<unknown> =>
    (await ask(fixture, requestOf(`${groups.join()} ${minimum}`, { requirement: { groups, minimum, timeout } }))).approval.requirement;
  assert.deepEqual(await stated(['interns'], 1, '100h'), rule.approval, 'a weaker one is not believed');
  assert.deepEqual(
    await stated(['interns', 'db-owners'], 3, '30m'),
    { groups: ['db-owners'], minimum: 3, timeout: '30m' },
    'a stricter one is kept',
  );
  const { approval } = await ask(
    fixture,
    requestOf('INSERT 7', { policy: 'research/research', requirement: { groups: ['interns'], minimum: 1, timeout: '1h' } }),
  );
  assert.deepEqual(await vote(fixture, approval.id, 'dave', 'approve'), [403, 'not-in-group']);
  assert.deepEqual(await vote(fixture, approval.id, 'carol', 'approve'), [200, 'pending']);
});

test('people see what they may decide on or caused, agents their own, strangers nothing', async (t) => {
  const fixture = await startFixture(t);
  const { approval } = await ask(fixture, requestOf('INSERT 8'));
  const seen = async (person: Person): Promise<number> =>
    ((await (await fixture.get('/v1/approvals?state=pending', await fixture.idToken(person))).json()) as { approvals: unknown[] }).approvals
      .length;
  assert.deepEqual([await seen('bob'), await seen('carol'), await seen('dave')], [1, 1, 0]);
  assert.equal((await fixture.get(`/v1/approvals/${approval.id}`, await fixture.idToken('bob'))).status, 200);
  assert.equal((await fixture.get(`/v1/approvals/${approval.id}`, await fixture.idToken('dave'))).status, 404);
  assert.equal((await fixture.get(`/v1/approvals/${approval.id}`, await fixture.workloadToken('researcher'))).status, 404);
  assert.equal((await fixture.post(`/v1/approvals/${approval.id}/use`, {}, await fixture.workloadToken('researcher'))).status, 404);
  const foreign = await fixture.post('/v1/approvals', requestOf('INSERT 9'), await fixture.workloadToken('researcher'));
  assert.equal(foreign.status, 403, 'an agent asks in the name of another');
});

test('requests that are not whole are refused by the name of what is wrong', async (t) => {
  const fixture = await startFixture(t);
  const cases: Record<string, unknown>[] = [
    { digest: 'md5:1' },
    { summary: '' },
    { operations: [{ verb: 'X', resource: 'r', effect: 'everything' }] },
    { requirement: { groups: [], minimum: 1, timeout: '30m' } },
    { requirement: { groups: ['a'], minimum: 0, timeout: '30m' } },
    { requirement: { groups: ['a'], minimum: 1, timeout: 'soon' } },
    { requirement: { groups: ['a'], minimum: 1, timeout: '1000h' } },
    { actor: {} },
  ];
  for (const change of cases) assert.equal((await ask(fixture, requestOf('x', change))).status, 400, JSON.stringify(change));
  assert.equal((await fixture.post('/v1/approvals', '{"not json', await fixture.workloadToken('planner'))).status, 400);
});

test('an agent may hold a bounded number of open approvals, and another agent is not affected', async (t) => {
  const fixture = await startFixture(t);
  for (let count = 0; count < APPROVALS_OPEN_PER_AGENT_COUNT; count++)
    assert.equal((await ask(fixture, requestOf(`n${count}`))).status, 201);
  assert.equal((await ask(fixture, requestOf('n0'))).status, 200, 'one that is open is found');
  assert.equal((await ask(fixture, requestOf('one more'))).status, 429);
  const other = requestOf('other', { actor: { agent: { name: 'researcher', namespace: 'research' } } });
  assert.equal((await fixture.post('/v1/approvals', other, await fixture.workloadToken('researcher'))).status, 201);
});
