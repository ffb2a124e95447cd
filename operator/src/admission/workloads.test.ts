import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { createStreamWriter, STREAM_CERTIFICATE_TYPE } from '@cairn/audit';
import { generateSigningKey, signJwt } from '@cairn/identity';
import { decodeJwt } from 'jose';
import { templateAt, templatePath, type Container, type KubernetesObject, type Pod } from '../inject/index.js';
import { ALICE, BOB, controller, deployment, PLANNER, podOf, podUser, replicaSet, SERVED } from '../lineage/fixture.js';
import { STAMP_REUSE_SECONDS } from '../lineage/limits.js';
import type { KeyRing } from '../service/index.js';
import { POLICY, startWebhook, type WebhookFixture } from './fixture.js';

const ENROLLED = '/mutate/enrolled';
const grantOf = (object: KubernetesObject): string | undefined =>
  templateAt(object, templatePath(object.kind)!)?.metadata?.annotations?.['cairn.dev/grant'];
const launcherOf = (object: KubernetesObject): { name: string; parent: string | undefined } => {
  const claims = decodeJwt(grantOf(object)!) as { principal: { name: string }; parent?: { launch: { id: string } } };
  return { name: claims.principal.name, parent: claims.parent?.launch.id };
};
const barePod = (spec: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'planner', namespace: 'research' },
  spec: { containers: [{ name: 'agent', image: 'planner:1' }], ...spec },
});
const sidecarOf = (object: KubernetesObject): Container | undefined =>
  (object as Pod).spec?.initContainers?.find(({ name }) => name === 'cairn-sidecar');

for (const kind of ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job']) {
  test(`a ${kind} is stamped with who created it, and with nothing else`, async (t) => {
    const webhook = await startWebhook(t);
    const { allowed, patch, object } = await webhook.ask(ENROLLED, ALICE, { ...deployment(), kind });
    assert.ok(allowed);
    assert.deepEqual(
      patch.map(({ path }) => path),
      ['/spec/template/metadata/annotations/cairn.dev~1grant'],
    );
    assert.deepEqual(launcherOf(object), { name: 'alice@example.com', parent: undefined });
  });
}

test('a CronJob is stamped at the template of its jobs', async (t) => {
  const webhook = await startWebhook(t);
  const { template } = deployment().spec as { template: object };
  const spec = { schedule: '@daily', jobTemplate: { spec: { template } } };
  const { patch } = await webhook.ask(ENROLLED, ALICE, { kind: 'CronJob', metadata: { name: 'nightly' }, spec });
  assert.deepEqual(
    patch.map(({ path }) => path),
    ['/spec/jobTemplate/spec/template/metadata/annotations/cairn.dev~1grant'],
  );
});

test("a Deployment's pods get their sidecar and keep their person", async (t) => {
  const webhook = await startWebhook(t);
  const stamped = (await webhook.ask(ENROLLED, ALICE, deployment())).object;
  webhook.ahead.ms = STAMP_REUSE_SECONDS * 2000;
  const pod = podOf(replicaSet, grantOf(stamped));
  const { allowed, object } = await webhook.ask(ENROLLED, controller('replicaset-controller'), pod);
  assert.ok(allowed);
  assert.ok(sidecarOf(object));
  assert.equal(grantOf(object), grantOf(stamped));
  assert.equal(object.metadata?.labels?.['cairn.dev/agent'], 'planner');
});

test('an agent may not launch another with a looser capture than its own; a person may', async (t) => {
  const webhook = await startWebhook(t);
  const writer = (annotations: Record<string, string>): KubernetesObject => ({ ...barePod(), metadata: { name: 'writer', annotations } });
  const explicit = writer({ 'cairn.dev/capture': 'explicit' });
  assert.equal((await webhook.ask(ENROLLED, podUser('agents', 'planner-0'), explicit)).code, 'capture');
  assert.ok((await webhook.ask(ENROLLED, podUser('agents', 'planner-0'), writer({}))).allowed);
  assert.ok((await webhook.ask(ENROLLED, ALICE, explicit)).allowed);
});

test('in strict mode an agent with explicit capture may launch another with it, and one that is redirected may not', async (t) => {
  const strict = await startWebhook(t, { egress: 'Gateway' });
  const lenient = await startWebhook(t);
  const explicit = { ...barePod(), metadata: { name: 'writer', annotations: { 'cairn.dev/capture': 'explicit' } } };
  const asked = (webhook: typeof strict, pod: string): ReturnType<typeof webhook.ask> =>
    webhook.ask(ENROLLED, podUser('agents', pod), explicit);
  assert.ok((await asked(strict, 'researcher-0')).allowed);
  assert.equal((await asked(strict, 'planner-0')).code, 'capture');
  assert.equal((await asked(lenient, 'researcher-0')).code, 'capture');
});

test('forged, foreign and stale grants are refused where a controller brings them', async (t) => {
  const webhook = await startWebhook(t);
  const other = await startWebhook(t);
  const pods = controller('replicaset-controller');
  const refusalOf = async (grant: string | undefined, more: Record<string, unknown> = {}): Promise<string> =>
    (await webhook.ask(ENROLLED, pods, podOf(replicaSet, grant), more)).code;
  const ours = grantOf((await webhook.ask(ENROLLED, ALICE, deployment())).object);
  assert.equal(await refusalOf('not a token'), 'grant-invalid');
  assert.equal(await refusalOf(grantOf((await other.ask(ENROLLED, ALICE, deployment())).object)), 'grant-invalid');
  assert.equal(await refusalOf(ours, { namespace: 'elsewhere' }), 'grant-namespace');
  assert.equal(await refusalOf(undefined), 'unstamped');
  const changedImage = grantOf((await webhook.ask(ENROLLED, ALICE, deployment({ image: 'planner:2' }))).object);
  assert.equal(await refusalOf(changedImage), 'grant-template');
});

test('an edit by another person is theirs; a scale keeps the stamp, also one that was forged on the way', async (t) => {
  const webhook = await startWebhook(t);
  const old = (await webhook.ask(ENROLLED, ALICE, deployment())).object;
  const grant = grantOf(old)!;
  const update = (object: KubernetesObject) => webhook.ask(ENROLLED, BOB, object, { operation: 'UPDATE', oldObject: old });
  const scaled = await update(deployment({ replicas: 3, annotations: { 'cairn.dev/grant': grant } }));
  assert.deepEqual(scaled.patch, []);
  const forged = await update(deployment({ replicas: 3, annotations: { 'cairn.dev/grant': 'forged' } }));
  assert.equal(grantOf(forged.object), grant);
  const dropped = await update(deployment({ replicas: 3 }));
  assert.equal(grantOf(dropped.object), grant);
  const edited = await update(deployment({ image: 'planner:2', annotations: { 'cairn.dev/grant': grant } }));
  assert.equal(launcherOf(edited.object).name, 'bob@example.com');
});

test('an agent that creates a Job launches below itself; one too deep is refused with the policy named', async (t) => {
  const policies = [{ ...POLICY, spec: { ...POLICY.spec, identity: { ...POLICY.spec.identity, maxDepth: 2 } } }];
  const webhook = await startWebhook(t);
  const options = { ...webhook.options, cluster: { ...webhook.options.cluster, policies: () => policies } };
  const strict = await startWebhook(t, { cluster: options.cluster });
  const job: KubernetesObject = { ...deployment(), kind: 'Job', metadata: { name: 'writer', namespace: 'research' } };
  const nested = await strict.ask(ENROLLED, podUser('agents', 'planner-0'), job);
  assert.deepEqual(launcherOf(nested.object), { name: 'alice@example.com', parent: PLANNER.launch.id });
  const deep = await strict.ask(ENROLLED, podUser('agents', 'researcher-0'), job);
  assert.deepEqual([deep.allowed, deep.code], [false, 'depth']);
  assert.match(deep.message, /identity\.maxDepth allows 2/);
});

describe('an agent that serves requests', () => {
  const REFERENCE = 'cairn.dev/launch-reference';
  const job = (annotations: Record<string, string> = {}): KubernetesObject => ({
    ...deployment(),
    kind: 'Job',
    metadata: { name: 'writer', namespace: 'research', annotations },
  });
  async function referring(
    t: TestContext,
  ): Promise<{ webhook: WebhookFixture; reference: (pod: string, launch?: string) => Promise<string> }> {
    const key = await generateSigningKey();
    const keys: KeyRing = { current: key, jwks: () => ({ keys: [key.publicJwk] }), rotate: () => Promise.reject(new Error('they stay')) };
    const webhook = await startWebhook(t, { keys });
    const folder = mkdtempSync(join(tmpdir(), 'cairn-reference-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const reference = async (pod: string, launch = SERVED.launch.id): Promise<string> => {
      const certify = (x: string, sub: string): Promise<string> => {
        const claims = {
          iss: webhook.options.issuer,
          sub,
          iat: Math.floor(Date.now() / 1000),
          cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x } },
        };
        return signJwt(key, STREAM_CERTIFICATE_TYPE, {
          ...claims,
          pod: { namespace: 'research', name: pod, uid: `uid-${pod}` },
          agent: 'planner',
        });
      };
      const agent = { name: 'planner', namespace: 'research', pod, uid: `uid-${pod}`, node: 'node' };
      const writer = await createStreamWriter({ dir: join(folder, pod), agent, certify });
      const signed = writer.refer(launch, Math.floor(Date.now() / 1000));
      await writer.close('test');
      return signed;
    };
    return { webhook, reference };
  }

  test('launches for whom its sidecar says, and what it says is not stored', async (t) => {
    const { webhook, reference } = await referring(t);
    const { object, allowed } = await webhook.ask(
      ENROLLED,
      podUser('agents', 'serving-0'),
      job({ [REFERENCE]: await reference('serving-0'), theirs: 'kept' }),
    );
    assert.ok(allowed);
    assert.deepEqual(launcherOf(object), { name: 'bob@example.com', parent: SERVED.launch.id });
    assert.deepEqual(object.metadata?.annotations, { theirs: 'kept' });
    const again = await webhook.ask(ENROLLED, podUser('agents', 'serving-0'), object);
    assert.deepEqual([again.allowed, again.patch], [true, []], 'asked again for its own result');
  });

  test("is refused without a reference, with another pod's, with a forged one, and for an unknown launch", async (t) => {
    const { webhook, reference } = await referring(t);
    const codeOf = async (text: string | undefined): Promise<string> =>
      (await webhook.ask(ENROLLED, podUser('agents', 'serving-0'), job(text === undefined ? {} : { [REFERENCE]: text }))).code;
    assert.equal(await codeOf(undefined), 'unreferenced');
    assert.equal(await codeOf(await reference('planner-0')), 'reference-invalid');
    assert.equal(await codeOf('forged'), 'reference-invalid');
    assert.equal(await codeOf(await reference('serving-0', PLANNER.launch.id)), 'unknown-launch');
  });

  test('leaves no reference behind where nothing is launched or injected', async (t) => {
    const { webhook, reference } = await referring(t);
    const annotations = { [REFERENCE]: await reference('serving-0') };
    const elsewhere = await webhook.ask('/mutate/asked', podUser('agents', 'serving-0'), job(annotations));
    assert.deepEqual(elsewhere.object.metadata?.annotations, {});
    const old = (await webhook.ask(ENROLLED, ALICE, job())).object;
    const scaled = { ...old, metadata: { ...old.metadata, annotations } };
    const update = await webhook.ask(ENROLLED, podUser('agents', 'serving-0'), scaled, { operation: 'UPDATE', oldObject: old });
    assert.equal(grantOf(update.object), grantOf(old));
    assert.deepEqual(update.object.metadata?.annotations, {});
  });
});

test('the webhook called again for its own result changes nothing but the UID that it draws', async (t) => {
  const webhook = await startWebhook(t);
  const once = await webhook.ask(ENROLLED, ALICE, barePod());
  const twice = await webhook.ask(ENROLLED, ALICE, once.object, { uid: 'request-2' });
  const uid = (object: KubernetesObject): number => sidecarOf(object)!.securityContext!.runAsUser!;
  assert.notEqual(uid(once.object), uid(twice.object));
  const same = (object: KubernetesObject): string => JSON.stringify(object).replaceAll(String(uid(object)), 'UID');
  assert.equal(same(twice.object), same(once.object));
});

test('what is refused is told with code and place, in an Event and a metric, and a dry run leaves no Event', async (t) => {
  const webhook = await startWebhook(t);
  const pod = barePod({ hostNetwork: true });
  const dry = await webhook.ask(ENROLLED, ALICE, pod, { dryRun: true });
  assert.deepEqual([dry.allowed, dry.code, webhook.events], [false, 'host-network', []]);
  assert.match(dry.message, /^spec\.hostNetwork: /);
  await webhook.ask(ENROLLED, ALICE, pod);
  assert.deepEqual([webhook.events[0]?.reason, webhook.events[0]?.regarding.name], ['AdmissionRefused', 'planner']);
  const metrics = await webhook.options.registry.metrics();
  assert.match(metrics, /cairn_admission_decisions_total\{webhook="mutate-enrolled",kind="Pod",decision="refused",code="host-network"\} 2/);
});

test('outside enrolled namespaces a pod asks; a skip is a warning and an Event', async (t) => {
  const webhook = await startWebhook(t);
  const asking = barePod({ hostNetwork: true });
  asking.metadata!.annotations = { 'cairn.dev/inject': 'true' };
  const { allowed, patch, warnings } = await webhook.ask('/mutate/asked', ALICE, asking);
  assert.deepEqual([allowed, patch], [true, []]);
  assert.match(warnings[0] ?? '', /hostNetwork: true.*\(host-network\)/);
  assert.equal(webhook.events[0]?.reason, 'InjectionSkipped');
});

test('warnings of injection reach kubectl', async (t) => {
  const webhook = await startWebhook(t);
  const pod = barePod({ containers: [{ name: 'agent', securityContext: { capabilities: { add: ['NET_RAW'] } } }] });
  assert.match((await webhook.ask(ENROLLED, ALICE, pod)).warnings.join(), /NET_RAW removed.*\(capability-removed\)/);
});

test("a framework's resource is stamped, and what its controller makes of it leads to the same person", async (t) => {
  const webhook = await startWebhook(t);
  const run = { apiVersion: 'example.com/v1', kind: 'AgentRun', metadata: { name: 'tuesday', namespace: 'research' } };
  const stamped = (await webhook.ask(ENROLLED, ALICE, run)).object;
  const annotations = stamped.metadata!.annotations!;
  const job = { ...deployment({ annotations }), kind: 'Job' };
  job.metadata = {
    name: 'tuesday-1',
    ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'AgentRun', name: 'tuesday', uid: 'u', controller: true }],
  };
  const runner = { username: 'system:serviceaccount:frameworks:runner', uid: 'uid-runner' };
  const made = await webhook.ask(ENROLLED, runner, job);
  assert.equal(launcherOf(made.object).name, 'alice@example.com');
  assert.notEqual(grantOf(made.object), annotations['cairn.dev/grant']);
});

test('an ephemeral container is hardened, those before it are left, and one beside the sidecar is refused', async (t) => {
  const webhook = await startWebhook(t);
  const pod = (ephemeralContainers: object[]): KubernetesObject => barePod({ ephemeralContainers });
  const update = { operation: 'UPDATE', subResource: 'ephemeralcontainers', oldObject: pod([{ name: 'one' }]) };
  const added = await webhook.ask(ENROLLED, BOB, pod([{ name: 'one' }, { name: 'two' }]), update);
  const [one, two] = (added.object as Pod).spec!.ephemeralContainers!;
  assert.deepEqual([one?.securityContext, two?.securityContext?.capabilities], [undefined, { drop: ['ALL'] }]);
  const beside = await webhook.ask(ENROLLED, BOB, pod([{ name: 'one' }, { name: 'two', targetContainerName: 'cairn-sidecar' }]), update);
  assert.deepEqual([beside.allowed, beside.code], [false, 'host-namespace']);
});
