import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createLaunchVerifier, generateSigningKey, signJwt, type Grant, type Principal, type SigningKey } from '@cairn/identity';
import { podOf, startFixture, type Fixture } from '../fixture.js';
import type { AgentDescription } from '../options.js';
import { createTokenReviews, type TokenReviewStatus } from '../workloads/index.js';

const AUDIENCE = 'cairn.dev';
const TYPE = 'urn:ietf:params:oauth:token-type:';

interface Answer {
  access_token: string;
  token_type: string;
  expires_in: number;
  code: string;
  error_description: string;
}

const now = (): number => Math.floor(Date.now() / 1000);

interface Refusal {
  code: string;
  says: string;
}

/** A service account's token; the API server of the tests knows those that were made here. */
async function cluster(): Promise<{
  token: (status: TokenReviewStatus, seconds?: number) => Promise<string>;
  reviews: ReturnType<typeof createTokenReviews>;
}> {
  const key: SigningKey = await generateSigningKey();
  const known = new Map<string, TokenReviewStatus>();
  return {
    async token(status, seconds = 600) {
      const claims = {
        iss: 'https://kubernetes.default.svc',
        aud: [AUDIENCE],
        iat: now(),
        exp: now() + seconds,
        'kubernetes.io': { namespace: 'ci' },
      };
      const token = await signJwt(key, 'JWT', { ...claims, sub: status.user?.username, jti: crypto.randomUUID() });
      known.set(token, status);
      return token;
    },
    reviews: createTokenReviews(async (token) => known.get(token) ?? { authenticated: false }, AUDIENCE),
  };
}

function account(name: string, extra: Record<string, string[]> = {}): TokenReviewStatus {
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated'];
  return { authenticated: true, audiences: [AUDIENCE], user: { username: `system:serviceaccount:ci:${name}`, uid: 'sa-1', groups, extra } };
}

async function ask(fixture: Fixture, subject: string, type: string): Promise<{ status: number; body: Answer }> {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subject,
    subject_token_type: `${TYPE}${type}`,
    requested_token_type: `${TYPE}access_token`,
  };
  const response = await fetch(`${fixture.url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
  return { status: response.status, body: (await response.json()) as Answer };
}

async function launchWith(fixture: Fixture, subject: string, type: string, agent = 'planner') {
  const response = await fixture.exchange(subject, type, agent);
  const body = (await response.json()) as Answer;
  if (response.status !== 200) return { code: body.code, says: body.error_description };
  const { issuer, jwksUri } = fixture.service.tokenService();
  return createLaunchVerifier({ issuer, jwks: jwksUri }).verify(body.access_token);
}

test('a service account launches as itself, with the groups that the API server gives it', async (t) => {
  const { token, reviews } = await cluster();
  const fixture = await startFixture(t, { reviews });
  const launch = await launchWith(fixture, await token(account('builder')), 'jwt');
  assert.ok('root' in launch);
  assert.deepEqual(launch.root, {
    iss: 'kubernetes',
    sub: 'sa-1',
    name: 'system:serviceaccount:ci:builder',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated'],
    authn: 'kubernetes',
  });
});

test("an agent's own token makes nobody a principal, whichever way it is presented", async (t) => {
  const { token, reviews } = await cluster();
  const fixture = await startFixture(t, {
    reviews,
    agentOf: () => ({ name: 'planner', namespace: 'research', maxDepth: 3, allowLoops: false }),
  });
  const bound = { 'authentication.kubernetes.io/pod-name': ['planner-0'], 'authentication.kubernetes.io/pod-uid': ['uid-planner'] };
  const own = await token(account('planner', bound));
  const launch = await launchWith(fixture, own, 'jwt');
  assert.match((launch as { says: string }).says, /is an agent: it acts by the launch/);
  assert.equal((await ask(fixture, own, 'jwt')).status, 400);
});

test('a token that the API server does not know, or where nobody asks it, is refused', async (t) => {
  const { token, reviews } = await cluster();
  const fixture = await startFixture(t, { reviews });
  assert.equal(((await launchWith(fixture, await token({ authenticated: false }), 'jwt')) as Refusal).code, 'signature');
  assert.equal(((await launchWith(fixture, await token({ ...account('b'), audiences: ['other'] }), 'jwt')) as Refusal).code, 'audience');
  const without = await startFixture(t);
  assert.equal(((await launchWith(without, await token(account('b')), 'jwt')) as Refusal).code, 'issuer');
});

test('a service account token becomes an access token that agents and the operator take, no longer than itself', async (t) => {
  const { token, reviews } = await cluster();
  const fixture = await startFixture(t, { reviews });
  const { status, body } = await ask(fixture, await token(account('builder'), 120), 'jwt');
  assert.deepEqual([status, body.token_type], [200, 'Bearer']);
  assert.ok(body.expires_in <= 120 && body.expires_in > 100, String(body.expires_in));
  const launch = await launchWith(fixture, body.access_token, 'access_token');
  assert.equal('root' in launch && launch.root.name, 'system:serviceaccount:ci:builder');
  assert.equal((await fixture.get('/v1/approvals', body.access_token)).status, 200);
  const again = await ask(fixture, body.access_token, 'access_token');
  assert.match(again.body.error_description, /present any other token as it is/);
  assert.equal((await ask(fixture, await fixture.idToken('alice'), 'id_token')).status, 400);
});

test('an access token of another service, or another kind of token of this one, is nobody', async (t) => {
  const { token, reviews } = await cluster();
  const [fixture, other] = [await startFixture(t, { reviews }), await startFixture(t, { reviews })];
  const { body } = await ask(other, await token(account('builder')), 'jwt');
  assert.equal(((await launchWith(fixture, body.access_token, 'access_token')) as Refusal).code, 'issuer');
  const launch = (await (await fixture.exchange(await fixture.idToken('alice'), 'id_token', 'planner')).json()) as Answer;
  assert.equal(((await launchWith(fixture, launch.access_token, 'access_token', 'researcher')) as Refusal).code, 'claims');
});

test('a terminating pod renews what it has and starts nothing', async (t) => {
  let standing: { standing?: 'terminating' } = {};
  const workloads = { verify: async () => ({ pod: podOf('planner'), serviceAccount: 'planner', ...standing }) };
  const fixture = await startFixture(t, { workloads });
  const first = (await (await fixture.exchange(await fixture.idToken('alice'), 'id_token', 'planner')).json()) as Answer;
  standing = { standing: 'terminating' };
  const refused = (await (await fixture.exchange(await fixture.idToken('alice'), 'id_token', 'planner')).json()) as Answer;
  assert.match(refused.error_description, /terminating/);
  assert.equal((await fixture.exchange(first.access_token, 'txn_token', 'planner', { scope: 'renew' })).status, 200);
});

const PRINCIPAL: Principal = { iss: 'kubernetes', sub: 'carol', name: 'carol', groups: [], authn: 'kubernetes' };
const GRANT: Grant = {
  principal: PRINCIPAL,
  namespace: 'research',
  agent: 'planner',
  owner: { kind: 'Deployment', name: 'planner' },
  template: 'sha256:aa',
};

async function granted(t: TestContext, description: Partial<AgentDescription>, grant: Grant, seconds = 600) {
  const fixture = await startFixture(t, {
    agentOf: () => ({ name: 'planner', namespace: 'research', maxDepth: 3, allowLoops: false, ...description }),
  });
  return launchWith(fixture, await fixture.service.grant(grant, 'nonce-1', seconds), 'jwt');
}

const OWNERS = [
  { kind: 'Pod', name: 'planner-5d9-x1' },
  { kind: 'ReplicaSet', name: 'planner-5d9' },
  { kind: 'Deployment', name: 'planner' },
];
const GRANTS: [name: string, description: Partial<AgentDescription>, grant: Grant, outcome: 'launch' | RegExp][] = [
  ['of the Deployment above it', { owners: OWNERS, template: 'sha256:aa' }, GRANT, 'launch'],
  [
    'of its own generated name',
    { owners: [{ kind: 'Pod', name: 'run-x7' }] },
    { ...GRANT, owner: { kind: 'Pod', name: 'run-' } },
    'launch',
  ],
  [
    'without a workload, for pods that no admission stamped',
    {},
    { principal: PRINCIPAL, namespace: 'research', agent: 'planner' },
    'launch',
  ],
  ['copied to another workload', { owners: [{ kind: 'Deployment', name: 'planner-2' }] }, GRANT, /did not make this one/],
  [
    'copied to a pod of the same name that no Deployment made',
    { owners: [{ kind: 'Pod', name: 'planner' }] },
    GRANT,
    /did not make this one/,
  ],
  ['where nobody knows what made the pod', {}, GRANT, /did not make this one/],
  ['of an earlier template', { owners: OWNERS, template: 'sha256:bb' }, GRANT, /runs something else/],
  ['copied to another namespace', { namespace: 'sales', owners: OWNERS }, GRANT, /not for sales\/planner/],
  ['for another agent', { name: 'researcher', owners: OWNERS }, GRANT, /not for research\/researcher/],
];

for (const [name, description, grant, outcome] of GRANTS) {
  test(`a grant ${name} ${outcome === 'launch' ? 'launches' : 'is refused'}`, async (t) => {
    const launch = await granted(t, description, grant);
    if (outcome === 'launch') assert.ok('root' in launch && launch.root.name === 'carol', JSON.stringify(launch));
    else assert.match((launch as { says: string }).says, outcome);
  });
}

test('a grant that has expired, or that another key signed, is refused', async (t) => {
  assert.equal(((await granted(t, { owners: OWNERS }, GRANT, -120)) as Refusal).code, 'expired');
  const [one, other] = [await startFixture(t), await startFixture(t)];
  const forged = await other.service.grant(GRANT, 'nonce-1', 600);
  assert.equal(((await launchWith(one, forged, 'jwt')) as Refusal).code, 'unknown-key');
});
