/** Tokens as a real API server judges them, and assertions that are used once among all replicas. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test, type TestContext } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { createLaunchVerifier, type PodReference, type VerifiedLaunch } from '@cairn/identity';
import {
  ClusterAssertions,
  createOperatorService,
  createReviewedWorkloads,
  createTokenReviews,
  fileStores,
  kubernetes,
  reviewBy,
  type PodStanding,
} from '@cairn/operator';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';

const AUDIENCE = 'cairn.dev';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const SLEEPER = { containers: [{ name: 'main', image: 'registry.example/sleeper:1' }] };

interface Refusal {
  code: string;
  error_description: string;
}

function clientOf({ kubeconfig }: ApiServer): kubernetes.KubernetesClient {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return new kubernetes.KubernetesClient(config);
}

/** A token service over the API server, which knows every pod whose name begins with `planner` as an agent. */
async function startService(t: TestContext, server: ApiServer) {
  const client = clientOf(server);
  const folder = await mkdtemp(join(tmpdir(), 'cairn-tokens-'));
  const reviews = createTokenReviews(reviewBy(client), AUDIENCE);
  const standing = async ({ namespace, name, uid }: PodReference): Promise<PodStanding> => {
    const pod = await client.get(kubernetes.PODS, { namespace, name });
    if (pod?.metadata.uid !== uid) return 'absent';
    return pod.metadata.deletionTimestamp === undefined ? 'present' : 'terminating';
  };
  const service = await createOperatorService({
    stores: fileStores(folder),
    workloads: createReviewedWorkloads(reviews, standing),
    reviews,
    providers: [],
    bundleFor: () => undefined,
    agentOf: ({ name, namespace }) =>
      name.startsWith('planner') ? { name: 'planner', namespace, maxDepth: 3, allowLoops: false } : undefined,
    log: () => undefined,
  });
  const url = await service.listen();
  t.after(async () => {
    await service.close();
    client.close();
    await rm(folder, { recursive: true });
  });
  const verifier = createLaunchVerifier({ issuer: url, jwks: `${url}/.well-known/jwks.json` });
  return async (subject: string, actor: string): Promise<VerifiedLaunch | Refusal> => {
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subject,
      subject_token_type: `${TYPE}jwt`,
      actor_token: actor,
      actor_token_type: `${TYPE}jwt`,
    };
    const response = await fetch(`${url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
    const body = (await response.json()) as { access_token: string } & Refusal;
    return response.ok ? verifier.verify(body.access_token) : body;
  };
}

const says = (outcome: VerifiedLaunch | Refusal): string =>
  'code' in outcome ? `${outcome.code}: ${outcome.error_description}` : 'launched';

describe('tokens of a cluster', () => {
  const shared = sharedApiServer();
  const token = (account: string, options: { pod?: string } = {}): Promise<string> =>
    shared().serviceAccountToken('default', account, { audience: AUDIENCE, ...options });

  before(async () => {
    const metadata = (name: string) => ({ name, namespace: 'default' });
    await shared().apply([
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('builder') },
      ...['planner', 'planner-gone', 'builder'].map((name) => ({ apiVersion: 'v1', kind: 'Pod', metadata: metadata(name), spec: SLEEPER })),
    ]);
  });

  test("a service account launches an agent with its own groups; the pod's token says which pod", async (t) => {
    const launch = await (await startService(t, shared()))(await token('builder'), await token('default', { pod: 'planner' }));
    assert.ok('root' in launch, says(launch));
    assert.deepEqual([launch.root.name, launch.root.authn], ['system:serviceaccount:default:builder', 'kubernetes']);
    assert.deepEqual(launch.root.groups, ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated']);
    const { metadata } = await shared().get<{ metadata: { uid: string } }>('pod', 'planner');
    assert.deepEqual(launch.pod, { namespace: 'default', name: 'planner', uid: metadata.uid });
  });

  test('a token that is bound to a pod of nobody we know launches as its service account, one of an agent as nobody', async (t) => {
    const exchange = await startService(t, shared());
    const actor = await token('default', { pod: 'planner' });
    const bound = await exchange(await token('default', { pod: 'builder' }), actor);
    assert.equal('root' in bound && bound.root.name, 'system:serviceaccount:default:default', says(bound));
    assert.match(says(await exchange(actor, actor)), /claims: subject_token: .*is an agent/);
  });

  test('what is no token for us from a pod of ours is refused', async (t) => {
    const exchange = await startService(t, shared());
    const [subject, actor] = [await token('builder'), await token('default', { pod: 'planner' })];
    const api = await shared().serviceAccountToken('default', 'builder');
    assert.match(says(await exchange(api, actor)), /^signature: subject_token/, 'a token for the API server itself');
    assert.match(says(await exchange(subject, api)), /^signature: actor_token/);
    assert.match(says(await exchange(subject, await token('default'))), /^claims: actor_token: .*not bound to a pod/);
    assert.match(says(await exchange(subject, await token('default', { pod: 'builder' }))), /^unknown-pod/);
    assert.match(says(await exchange(`${subject.slice(0, -8)}AAAAAAAA`, actor)), /^signature/);
  });

  test("a pod's token ends with the pod, though it was good a moment ago", async (t) => {
    const exchange = await startService(t, shared());
    const [subject, actor] = [await token('builder'), await token('default', { pod: 'planner-gone' })];
    assert.equal(says(await exchange(subject, actor)), 'launched');
    await shared().kubectl(['delete', 'pod', 'planner-gone', '--now']);
    assert.match(says(await exchange(subject, actor)), /^revoked: actor_token: pod default\/planner-gone is not there/);
  });
});

describe('assertions that were used', () => {
  const shared = sharedApiServer({ controllerManager: false });
  const key = (name: string): string => createHash('sha256').update(name).digest('hex');
  const leases = async (): Promise<number> =>
    (await shared().get<{ items: unknown[] }>('leases', '-l', 'cairn.dev/used=assertion')).items.length;

  test('are used once among replicas, and forgotten once they have expired', async () => {
    let now = Date.now();
    const options = { client: clientOf(shared()), namespace: 'default', clock: () => now, log: (message: string) => assert.fail(message) };
    const replicas = [new ClusterAssertions(options), new ClusterAssertions(options)] as const;
    const soon = now / 1000 + 600;
    const outcomes = await Promise.all([...replicas, ...replicas].map((replica) => replica.use(key('a'), soon)));
    assert.deepEqual(outcomes.filter((used) => used).length, 1);
    assert.equal(await replicas[1].use(key('b'), soon + 3600), true);
    assert.equal(await leases(), 2);
    now += 1000 * 1000;
    assert.equal(await replicas[0].use(key('c'), now / 1000 + 600), true);
    await replicas[0].close();
    assert.equal(await leases(), 2, 'a is forgotten, b and c are not');
    assert.equal(await replicas[1].use(key('b'), soon + 3600), false);
    options.client.close();
  });

  test('an API server that is gone leaves it open, and the assertion is refused', async () => {
    const client = clientOf(shared());
    const assertions = new ClusterAssertions({ client, namespace: 'default', clock: Date.now, log: () => undefined });
    await shared().kill9();
    await assert.rejects(async () => assertions.use(key('d'), Date.now() / 1000 + 600), { code: 'unavailable' });
    client.close();
  });
});
