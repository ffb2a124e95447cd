import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IdentityError, PodReference } from '@cairn/identity';
import { REVIEW_SECONDS, REVIEW_TOKEN_CHARACTERS, REVIEWS_RUNNING } from './limits.js';
import { createTokenReviews, type TokenReviewStatus } from './reviews.js';
import { createReviewedWorkloads, type PodStanding } from './verifier.js';

const POD: PodReference = { namespace: 'research', name: 'planner-0', uid: 'uid-1' };
const STATUS: TokenReviewStatus = {
  authenticated: true,
  audiences: ['cairn.dev'],
  user: {
    username: 'system:serviceaccount:research:planner',
    uid: 'u',
    groups: ['system:serviceaccounts'],
    extra: {
      'authentication.kubernetes.io/pod-name': ['planner-0'],
      'authentication.kubernetes.io/pod-uid': ['uid-1'],
      'authentication.kubernetes.io/node-name': ['node-1'],
    },
  },
};

const refusal = (code: IdentityError['code'], says: RegExp) => (error: IdentityError) => {
  assert.equal(error.code, code, error.message);
  assert.match(error.message, says);
  return true;
};

test('the API server says which pod a token belongs to, and the cache whether that pod is still there', async () => {
  let standing: PodStanding = 'present';
  const asked: PodReference[] = [];
  const reviews = createTokenReviews(async () => STATUS, 'cairn.dev');
  const workloads = createReviewedWorkloads(reviews, (pod) => {
    asked.push(pod);
    return standing;
  });
  assert.deepEqual(await workloads.verify('t'), { pod: POD, serviceAccount: 'planner', node: 'node-1' });
  standing = 'terminating';
  assert.equal((await workloads.verify('t')).standing, 'terminating');
  standing = 'absent';
  await assert.rejects(workloads.verify('t'), refusal('revoked', /research\/planner-0 is not there/));
  assert.deepEqual(asked, [POD, POD, POD], 'the pod is looked for every time, also where the answer is remembered');
});

test('an answer is remembered for a minute, and refusals are not', async () => {
  let now = 1_000_000;
  let count = 0;
  let status: TokenReviewStatus = { authenticated: false };
  const reviews = createTokenReviews(
    async () => {
      count++;
      return status;
    },
    'cairn.dev',
    () => now,
  );
  await assert.rejects(reviews.userOf('t'), refusal('signature', /does not know the token/));
  status = STATUS;
  await reviews.userOf('t');
  now += (REVIEW_SECONDS - 1) * 1000;
  await reviews.userOf('t');
  assert.equal(count, 2);
  now += 1000;
  await reviews.userOf('t');
  assert.equal(count, 3);
});

const WRONG: [name: string, status: TokenReviewStatus, code: IdentityError['code']][] = [
  ['nothing', {}, 'signature'],
  ['not authenticated', { ...STATUS, authenticated: false }, 'signature'],
  ['another audience', { ...STATUS, audiences: ['https://kubernetes.default.svc'] }, 'audience'],
  ['no audience', { ...STATUS, audiences: [] }, 'audience'],
  ['a person', { ...STATUS, user: { username: 'alice' } }, 'claims'],
  ['no pod', { ...STATUS, user: { ...STATUS.user, extra: {} } }, 'claims'],
  ['a pod without UID', { ...STATUS, user: { ...STATUS.user, extra: { 'authentication.kubernetes.io/pod-name': ['p'] } } }, 'claims'],
];

for (const [name, status, code] of WRONG) {
  test(`an answer with ${name} is no workload`, async () => {
    const workloads = createReviewedWorkloads(
      createTokenReviews(async () => status, 'cairn.dev'),
      () => 'present',
    );
    await assert.rejects(workloads.verify('t'), refusal(code, /./));
  });
}

test('an API server that does not answer leaves it open, and says so without the token', async () => {
  const reviews = createTokenReviews(() => Promise.reject(new Error('secret-token: ECONNREFUSED')), 'cairn.dev');
  await assert.rejects(
    reviews.userOf('secret-token'),
    (error: IdentityError) => error.code === 'unavailable' && !error.message.includes('secret'),
  );
});

test('questions at one time and the length of a token are limited', async () => {
  let answer = (): void => undefined;
  const waiting = new Promise<void>((resolve) => (answer = resolve));
  const reviews = createTokenReviews(async () => {
    await waiting;
    return STATUS;
  }, 'cairn.dev');
  const asked = Array.from({ length: REVIEWS_RUNNING }, (_, index) => reviews.userOf(`t${index}`));
  await assert.rejects(reviews.userOf('one more'), refusal('unavailable', /too many/));
  answer();
  await Promise.all(asked);
  await reviews.userOf('x'.repeat(REVIEW_TOKEN_CHARACTERS));
  await assert.rejects(reviews.userOf('x'.repeat(REVIEW_TOKEN_CHARACTERS + 1)), refusal('malformed', /longer than/));
});
