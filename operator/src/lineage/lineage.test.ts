import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IdentityError, type Grant, type VerifiedGrant } from '@cairn/identity';
import { templateAt, templatePath, type KubernetesObject } from '../inject/index.js';
import { callerOf } from './caller.js';
import { ALICE, BOB, controller, deployment, LAUNCHERS, PLANNER, podOf, podUser, replicaSet, RESEARCHER, SERVED } from './fixture.js';
import { GROUPS_CHARACTERS, GROUPS_COUNT, NAME_CHARACTERS, STAMP_REUSE_SECONDS } from './limits.js';
import { principalOf, type UserInfo } from './principal.js';
import { referredCaller } from './referred.js';
import { decideStamp, type Presented, type StampRequest } from './stamp.js';
import { launchesAnew, templateHash } from './template.js';

const NOW = 1_800_000_000;
const trusted = [{ serviceAccount: 'frameworks/runner', kinds: ['AgentRun.example.com'] }];
const RUNNER: UserInfo = { username: 'system:serviceaccount:frameworks:runner', uid: 'uid-runner' };

const hashOf = (object: KubernetesObject): string | undefined => {
  const path = templatePath(object.kind);
  const template = path && templateAt(object, path);
  return template?.spec ? templateHash({ ...template, spec: template.spec }) : undefined;
};

const request = (user: UserInfo, object: KubernetesObject, presented?: Presented): StampRequest => ({
  caller: callerOf(user, LAUNCHERS, trusted),
  object,
  namespace: 'research',
  template: hashOf(object),
  named: undefined,
  fallback: object.metadata?.name ?? 'agent',
  limits: { maxDepth: 3, allowLoops: false },
  identityRequired: true,
  presented,
  now: NOW,
});

const verified = (grant: Grant, issued = NOW - 3600): { grant: VerifiedGrant } => ({
  grant: { ...grant, id: 'nonce', issued, expires: NOW + 1_000_000 },
});

function minted(user: UserInfo, object: KubernetesObject, presented?: Presented, changed: Partial<StampRequest> = {}): Grant {
  const stamp = decideStamp({ ...request(user, object, presented), ...changed });
  assert.equal(stamp.kind, 'mint');
  return stamp.grant;
}

const refusal = (user: UserInfo, object: KubernetesObject, presented?: Presented, changed: Partial<StampRequest> = {}): string => {
  try {
    const stamp = decideStamp({ ...request(user, object, presented), ...changed });
    return `not refused: ${stamp.kind}`;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

const ALICES = minted(ALICE, deployment());

test('a person who creates a Deployment launches its agent', () => {
  assert.deepEqual([ALICES.principal.name, ALICES.parent, ALICES.agent], ['alice@example.com', undefined, 'planner']);
  assert.deepEqual([ALICES.namespace, ALICES.owner], ['research', { kind: 'Deployment', name: 'planner' }]);
  assert.match(ALICES.template ?? '', /^sha256:[0-9a-f]{64}$/);
});

test("an agent's pod launches below its own launch, the person at the root staying the same", () => {
  const job: KubernetesObject = { ...deployment(), kind: 'Job', metadata: { name: 'writer', namespace: 'research' } };
  const grant = minted(podUser('agents', 'researcher-0'), job);
  assert.deepEqual([grant.principal.name, grant.parent?.launch.id], ['alice@example.com', RESEARCHER.launch.id]);
  assert.deepEqual(grant.parent?.ancestors, [PLANNER.launch.id]);
});

test('an agent may launch neither deeper than its policy nor itself', () => {
  const job = (name: string): KubernetesObject => ({ ...deployment(), kind: 'Job', metadata: { name } });
  const agent = podUser('agents', 'researcher-0');
  assert.equal(refusal(agent, job('writer'), undefined, { limits: { maxDepth: 2, allowLoops: false } }), 'depth');
  assert.equal(refusal(agent, job('planner')), 'loop');
  assert.equal(minted(agent, job('planner'), undefined, { limits: { maxDepth: 3, allowLoops: true } }).agent, 'planner');
});

test('an agent whose launch was revoked, is not known, or can not be told launches nothing', () => {
  const codeOf = (user: UserInfo): string => refusalOf(() => callerOf(user, LAUNCHERS, []));
  const refusalOf = (call: () => unknown): string => {
    try {
      call();
      return 'none';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  assert.equal(codeOf(podUser('agents', 'revoked-0')), 'revoked');
  assert.equal(codeOf(podUser('agents', 'starting-0')), 'unknown-launch');
  assert.equal(codeOf(podUser('agents', 'unseen-0')), 'unknown-launch');
  assert.equal(codeOf({ username: 'system:serviceaccount:research:agents' }), 'unbound-token');
  assert.equal(codeOf(podUser('ci', 'unseen-0')), 'none');
});

test('service accounts that are no agents are principals of their own kind', () => {
  const { principal, parent } = minted(podUser('ci', 'bystander-0'), deployment());
  assert.deepEqual([principal.name, principal.sub, parent], ['system:serviceaccount:research:ci', 'uid-ci', undefined]);
});

test('the pods of a Deployment keep the grant that its person was given, through the ReplicaSet', () => {
  const set: KubernetesObject = {
    ...deployment({ annotations: { 'cairn.dev/grant': 'g' } }),
    kind: 'ReplicaSet',
    metadata: {
      name: 'planner-5d4f',
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'planner', uid: 'u', controller: true }],
    },
  };
  const bySet = decideStamp(request(controller('deployment-controller'), set, verified(ALICES)));
  const byPod = decideStamp(request(controller('replicaset-controller'), podOf(replicaSet, 'g'), verified(ALICES)));
  assert.deepEqual([bySet.kind, byPod.kind, byPod.agent], ['keep', 'keep', 'planner']);
});

test('a grant that a controller brings must hold for what it stands on', () => {
  const pods = controller('replicaset-controller');
  const pod = podOf(replicaSet, 'g');
  const forged = { refused: new IdentityError('signature', 'the signature does not hold') };
  const stale = { refused: new IdentityError('expired', 'the token has expired') };
  assert.equal(refusal(pods, pod, forged), 'grant-invalid');
  assert.equal(refusal(pods, pod, stale), 'grant-expired');
  assert.equal(refusal(pods, pod, verified({ ...ALICES, namespace: 'other' })), 'grant-namespace');
  assert.equal(refusal(pods, pod, verified({ ...ALICES, owner: { kind: 'Deployment', name: 'writer' } })), 'grant-owner');
  assert.equal(refusal(pods, pod, verified({ ...ALICES, template: `sha256:${'0'.repeat(64)}` })), 'grant-template');
  assert.equal(refusal(pods, pod, verified(ALICES), { named: 'writer' }), 'grant-agent');
  const orphan = { ...pod, metadata: { ...pod.metadata, ownerReferences: [] } };
  assert.equal(refusal(pods, orphan, verified(ALICES)), 'grant-owner');
});

test('a controller may pass grants on in the kinds that it copies templates into, and in no others', () => {
  const job = { ...deployment(), kind: 'Job' };
  assert.equal(
    minted(controller('replicaset-controller'), job, verified(ALICES)).principal.name,
    controller('replicaset-controller').username,
  );
});

test('a pod whose owner nobody stamped is refused where identity is required, else it has no launch', () => {
  const pods = controller('replicaset-controller');
  assert.equal(refusal(pods, podOf(replicaSet)), 'unstamped');
  assert.equal(decideStamp({ ...request(pods, podOf(replicaSet)), identityRequired: false }).kind, 'none');
});

test('a grant that a person or an agent brings is dropped and made anew', () => {
  const copied = verified(ALICES);
  assert.equal(minted(BOB, deployment(), copied).principal.name, 'bob@example.com');
  assert.equal(
    minted(podUser('agents', 'planner-0'), { ...deployment(), kind: 'Job', metadata: { name: 'w' } }, copied).parent?.launch.id,
    PLANNER.launch.id,
  );
  const fromCron: KubernetesObject = {
    ...deployment(),
    kind: 'Job',
    metadata: {
      name: 'manual',
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'planner', uid: 'u', controller: true }],
    },
  };
  assert.equal(minted(BOB, fromCron, copied).principal.name, 'bob@example.com', 'kubectl create job --from=cronjob');
});

test(`a stamp that says the same is kept for ${STAMP_REUSE_SECONDS} s, when the webhook is called again, and made anew after`, () => {
  const kindAt = (age: number): string => decideStamp(request(ALICE, deployment(), verified(ALICES, NOW - age))).kind;
  assert.deepEqual([kindAt(STAMP_REUSE_SECONDS), kindAt(STAMP_REUSE_SECONDS + 1)], ['keep', 'mint']);
});

test("a framework's controller passes the grant of its own resource on to what it makes of it", () => {
  const run = { apiVersion: 'example.com/v1', kind: 'AgentRun', metadata: { name: 'tuesday', namespace: 'research' } };
  const grant = minted(ALICE, run);
  assert.deepEqual([grant.template, grant.owner], [undefined, { kind: 'AgentRun', name: 'tuesday' }]);
  const job = (kind: string, apiVersion = 'example.com/v1'): KubernetesObject => ({
    ...deployment(),
    kind: 'Job',
    metadata: { name: 'tuesday-1', ownerReferences: [{ apiVersion, kind, name: 'tuesday', uid: 'u', controller: true }] },
  });
  const passed = minted(RUNNER, job('AgentRun'), verified(grant));
  assert.deepEqual([passed.principal.name, passed.owner?.name, passed.agent], ['alice@example.com', 'tuesday-1', 'tuesday']);
  assert.match(passed.template ?? '', /^sha256:/);
  assert.equal(decideStamp(request(RUNNER, job('AgentRun'), verified(passed, NOW - 1))).kind, 'keep', 'the webhook is called again');
  assert.equal(refusal(RUNNER, job('AgentRun'), verified(passed)), 'grant-owner', 'and an hour later it would be a replay');
  assert.equal(refusal(RUNNER, job('Other'), verified(grant)), 'grant-owner');
  assert.equal(refusal(RUNNER, job('AgentRun', 'evil.com/v1'), verified(grant)), 'grant-owner');
  assert.equal(minted(RUNNER, job('AgentRun')).principal.name, RUNNER.username);
});

test('an edit of the template launches anew; a scale, a label and our own stamp do not', () => {
  const path = templatePath('Deployment')!;
  const anew = (changed: KubernetesObject): boolean => launchesAnew(changed, deployment(), path);
  assert.equal(anew(deployment({ image: 'planner:2' })), true);
  assert.equal(anew(deployment({ annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } })), true);
  assert.equal(anew(deployment({ replicas: 9 })), false);
  assert.equal(anew(deployment({ annotations: { 'cairn.dev/grant': 'forged' } })), false);
  const labelled = deployment();
  labelled.metadata!.labels = { team: 'x' };
  assert.equal(anew(labelled), false);
});

test('whoever changes the schedule of a CronJob launches what it starts', () => {
  const cron = (schedule: string, suspend?: boolean): KubernetesObject => ({
    kind: 'CronJob',
    metadata: { name: 'nightly' },
    spec: {
      schedule,
      ...(suspend === undefined ? {} : { suspend }),
      jobTemplate: { spec: { template: (deployment().spec as { template: object }).template } },
    },
  });
  const path = templatePath('CronJob')!;
  assert.equal(launchesAnew(cron('0 3 * * *'), cron('0 3 * * *'), path), false);
  assert.equal(launchesAnew(cron('0 4 * * *'), cron('0 3 * * *'), path), true);
});

test('a template and the pods made of it hash the same; another program does not', () => {
  assert.equal(hashOf(podOf(replicaSet, 'g')), hashOf(deployment({ annotations: { 'cairn.dev/grant': 'other' } })));
  assert.notEqual(hashOf(deployment({ image: 'planner:2' })), hashOf(deployment()));
  assert.notEqual(hashOf(deployment({ annotations: { 'cairn.dev/policy': 'open' } })), hashOf(deployment()));
});

test('a principal has at most so many groups, and a name of bounded length', () => {
  const user = (groups: string[]): UserInfo => ({ username: 'alice', groups });
  const many = Array.from({ length: GROUPS_COUNT + 1 }, (_, index) => `g${index}`);
  assert.equal(principalOf(user(many)).groups.length, GROUPS_COUNT);
  const wide = Array.from({ length: GROUPS_CHARACTERS / 256 + 1 }, (_, index) => `${index}`.padEnd(256, 'g'));
  assert.equal(principalOf(user(wide)).groups.length, GROUPS_CHARACTERS / 256);
  assert.equal(principalOf({ username: 'a'.repeat(NAME_CHARACTERS) }).sub.length, NAME_CHARACTERS);
  assert.throws(() => principalOf({ username: 'a'.repeat(NAME_CHARACTERS + 1) }), { code: 'principal' });
  assert.throws(() => principalOf({ username: '' }), { code: 'principal' });
});

describe('an agent that serves requests', () => {
  const serving = podUser('agents', 'serving-0');
  const job: KubernetesObject = { ...deployment(), kind: 'Job', metadata: { name: 'writer', namespace: 'research' } };
  const caller = callerOf(serving, LAUNCHERS, []);
  const reference = { launch: SERVED.launch.id, pod: { namespace: 'research', name: 'serving-0', uid: 'uid-serving-0' } };
  const codeOf = (call: () => unknown): string => {
    try {
      call();
      return 'none';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test('launches for whom its sidecar says', () => {
    const grant = minted(serving, job, undefined, { caller: referredCaller(caller, reference, LAUNCHERS) });
    assert.deepEqual([grant.principal.name, grant.parent?.launch.id], ['bob@example.com', SERVED.launch.id]);
  });

  test('launches nothing where its sidecar says nothing, rather than for somebody else', () => {
    assert.equal(refusal(serving, job), 'unreferenced');
  });

  test('keeps what the request was just given when admission is asked again, and not what it took from another object', () => {
    const given = minted(serving, job, undefined, { caller: referredCaller(caller, reference, LAUNCHERS) });
    assert.equal(decideStamp(request(serving, job, verified(given, NOW - 1))).kind, 'keep');
    assert.equal(refusal(serving, job, verified(given, NOW - STAMP_REUSE_SECONDS - 1)), 'unreferenced');
    assert.equal(refusal(serving, { ...job, metadata: { name: 'another' } }, verified(given, NOW - 1)), 'unreferenced');
    const others = { ...given, parent: { launch: RESEARCHER.launch, ancestors: [] } };
    assert.equal(refusal(serving, job, verified(others, NOW - 1)), 'unreferenced');
  });

  test("cannot refer to another pod's launch, or from another pod, or to one that is unknown or revoked", () => {
    const launch = (change: object) => ({ launch: () => ({ node: SERVED, revoked: false, pod: 'uid-serving-0', ...change }) });
    assert.equal(
      codeOf(() => referredCaller(caller, reference, launch({}))),
      'none',
    );
    assert.equal(
      codeOf(() => referredCaller(caller, reference, launch({ pod: 'uid-planner-0' }))),
      'reference-invalid',
    );
    assert.equal(
      codeOf(() => referredCaller(caller, reference, launch({ revoked: true }))),
      'revoked',
    );
    assert.equal(
      codeOf(() => referredCaller(caller, reference, { launch: () => undefined })),
      'unknown-launch',
    );
    const elsewhere = { ...reference, pod: { ...reference.pod, uid: 'uid-planner-0' } };
    assert.equal(
      codeOf(() => referredCaller(caller, elsewhere, LAUNCHERS)),
      'reference-invalid',
    );
  });

  test('a person who sends a reference along acts for themselves', () => {
    assert.deepEqual(referredCaller(callerOf(BOB, LAUNCHERS, []), reference, LAUNCHERS), callerOf(BOB, LAUNCHERS, []));
  });
});
