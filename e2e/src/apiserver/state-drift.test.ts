import assert from 'node:assert/strict';
import { before, describe, test, type TestContext } from 'node:test';
import type { AuditStream } from '@cairn/crds';
import { AUDIT_STREAMS, certificateCaches, drift, fenceParts, fencePolicies, kubernetes, markBypassed } from '@cairn/operator';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';
import { following, runController } from './state-controllers.js';
import { clientOf, prepare } from './state-replicas.js';
import { until } from '../harness/until.js';

const webhook = {
  name: 'enrolled.cairn.dev',
  rules: [{ apiGroups: ['nowhere.example'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['nothing'] }],
  clientConfig: { url: 'https://127.0.0.1:1/mutate' },
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  failurePolicy: 'Fail',
};
const configuration = (kind: string): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  metadata: { name: 'cairn' },
  webhooks: [webhook],
});

const fenceOptions = { namespace: 'cairn-system', sidecarImage: 'registry.example/sidecar:1', operatorUrl: 'https://cairn-operator' };

const STREAM = '01920000-0000-7000-8000-000000000001';

interface Pod {
  name: string;
  namespace: string;
  uid: string;
}

const streamObject = ({ name, namespace, uid }: Pod): object => ({
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditStream',
  metadata: { name: STREAM, namespace },
  spec: {
    stream: STREAM,
    agent: name,
    pod: { name, uid },
    keys: [{ certificate: 'header.claims.signature', publicKey: 'A'.repeat(43), time: '2026-01-01T00:00:00Z' }],
  },
});

interface Watchdog {
  /** What it counted last, by kind. */
  found: ReadonlyMap<string, number>;
  /** `REASON NAME` of every Event so far. */
  told: () => Promise<string[]>;
  /** As a replica does that a sidecar told of a connection. */
  bypassed: (pod: Pod) => Promise<void>;
}

async function watchdog(t: TestContext, server: ApiServer): Promise<Watchdog> {
  const client = await clientOf(server);
  t.after(() => client.close());
  const log = (): void => undefined;
  const certificates = certificateCaches(client, 'cairn', log);
  const fence = fenceParts(client, fenceOptions, log);
  for (const cache of [...Object.values(certificates), ...fence.map((part) => part.cache)]) await following(t, cache);
  const namespaces = await following(t, new kubernetes.Reflector(client, kubernetes.NAMESPACES));
  const policies = await following(t, new kubernetes.Reflector(client, kubernetes.AUDIT_POLICIES));
  const pods = await following(
    t,
    new kubernetes.Reflector(client, kubernetes.PODS, {
      labelSelector: 'cairn.dev/agent',
      indexes: { uid: ({ metadata }) => metadata.uid },
    }),
  );
  const streams = await following(t, new kubernetes.Reflector(client, AUDIT_STREAMS, { indexes: { pod: ({ spec }) => spec.pod.uid } }));
  const found = new Map<string, number>();
  const events = new kubernetes.EventRecorder(client, { instance: 'cairn-operator-test' });
  const context = {
    caches: { ...certificates, fence, namespaces, policies, pods },
    events,
    metrics: { drift: (kind: string, count: number) => void found.set(kind, count) },
    config: { webhook: { name: 'cairn' } },
    state: { streams },
  };
  runController(t, drift({ context, client }));
  await until('a look', () => Promise.resolve(found.size === 6));
  const told = async (): Promise<string[]> => {
    await events.flush();
    const { items } = await server.get<{ items: { reason: string; regarding: { name: string } }[] }>('events.events.k8s.io', '-A');
    return items.map(({ reason, regarding }) => `${reason} ${regarding.name}`);
  };
  const bypassed = async (pod: Pod): Promise<void> => {
    await until('the stream to be seen', () => Promise.resolve([...streams.store.by('pod', pod.uid)].length > 0));
    await markBypassed({ client, streams }, pod, 'a connection went past');
  };
  return { found, told, bypassed };
}

describe('the drift watchdog, on a real API server', () => {
  const shared = sharedApiServer();
  before(async () => {
    await prepare(shared());
    await shared().apply(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map(configuration));
    await shared().apply(fencePolicies(fenceOptions));
    await shared().apply([
      { apiVersion: 'cairn.dev/v1alpha1', kind: 'AuditPolicy', metadata: { name: 'research', namespace: 'research' }, spec: {} },
    ]);
  });

  /** `STATUS REASON` of the policy's condition, as long as it is about its present generation. */
  const enforced = async (): Promise<string | undefined> => {
    const { metadata, status } = await shared().get<kubernetes.StoredPolicy>('auditpolicy', 'research', '-n', 'research');
    const found = status?.conditions?.find((each) => each.type === 'Enforced' && each.observedGeneration === metadata.generation);
    return found && `${found.status} ${found.reason}`;
  };

  test('a policy of the fence that is gone, and a binding that refuses no longer, are told', async (t) => {
    const { found, told } = await watchdog(t, shared());
    assert.deepEqual([...found.values()], [0, 0, 0, 0, 0, 0]);
    await shared().kubectl(['delete', 'validatingadmissionpolicy', 'cairn-agent-pods']);
    await until('the policy to be missed', () => Promise.resolve(found.get('FenceMissing') === 1));
    await until('its condition', async () => (await enforced()) === 'False FenceMissing');
    const audit = JSON.stringify({ spec: { validationActions: ['Audit'] } });
    await shared().kubectl(['patch', 'validatingadmissionpolicybinding', 'cairn-tokens', '--type=merge', '-p', audit]);
    await until('the binding to be told', () => Promise.resolve(found.get('FenceChanged') === 1));
    const reasons = await told();
    for (const expected of ['FenceMissing cairn-agent-pods', 'FenceChanged cairn-tokens']) assert.ok(reasons.includes(expected), expected);
    await shared().apply(fencePolicies(fenceOptions));
    await until('the fence as it was', () => Promise.resolve(found.get('FenceMissing') === 0 && found.get('FenceChanged') === 0));
    await until('the condition of an installation that holds', async () => (await enforced()) === 'True LayersHold');
  });

  test('webhooks that somebody weakened are put right, those that are gone and pods without sidecars are told', async (t) => {
    // The fence would not let the pod in.
    await shared().kubectl(['delete', 'validatingadmissionpolicybinding', 'cairn-agent-pods']);
    const { found, told } = await watchdog(t, shared());
    assert.deepEqual([found.get('WebhookWeakened'), found.get('WebhookMissing'), found.get('PodNotInjected')], [0, 0, 0]);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'before-enrolment', namespace: 'research' },
      spec: { containers: [{ name: 'main', image: 'registry.example/sleeper:1' }] },
    };
    await until('the fence to be open', () =>
      shared()
        .apply([pod])
        .then(
          () => true,
          () => false,
        ),
    );
    const weaken = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }];
    await shared().kubectl(['patch', 'mutatingwebhookconfiguration', 'cairn', '--type=json', '-p', JSON.stringify(weaken)]);
    await until('Fail', async () => {
      const { webhooks } = await shared().get<{ webhooks: { failurePolicy: string }[] }>('mutatingwebhookconfiguration', 'cairn');
      return webhooks[0]!.failurePolicy === 'Fail' && found.get('WebhookWeakened') === 0;
    });
    assert.equal(found.get('PodNotInjected'), 1);
    await shared().kubectl(['delete', 'validatingwebhookconfiguration', 'cairn']);
    await until('the webhook to be missed', () => Promise.resolve(found.get('WebhookMissing') === 1));
    const reasons = await told();
    for (const expected of ['WebhookWeakened cairn', 'PodNotInjected before-enrolment', 'WebhookMissing cairn'])
      assert.ok(reasons.includes(expected), expected);
  });

  test('a pod whose connections went past its sidecar has it on its streams, and its policies are not enforced until it is gone', async (t) => {
    await shared().apply(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map(configuration));
    await shared().kubectl(['delete', 'pod', 'before-enrolment', '-n', 'research', '--force', '--grace-period=0', '--ignore-not-found']);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'leaky', namespace: 'research', labels: { 'cairn.dev/agent': 'leaky' } },
      spec: { containers: [{ name: 'main', image: 'registry.example/sleeper:1' }] },
    };
    await shared().apply([pod]);
    const { metadata } = await shared().get<{ metadata: { uid: string } }>('pod', 'leaky', '-n', 'research');
    const reference = { name: 'leaky', namespace: 'research', uid: metadata.uid };
    await shared().apply([streamObject(reference)]);
    await shared().apply(fencePolicies(fenceOptions));
    const { found, told, bypassed } = await watchdog(t, shared());
    await until('a condition that holds', async () => (await enforced()) === 'True LayersHold');
    await bypassed(reference);
    await until('the pod to be told', () => Promise.resolve(found.get('CaptureBypassed') === 1));
    await until('its condition', async () => (await enforced()) === 'False CaptureBypassed');
    assert.ok((await told()).includes('CaptureBypassed leaky'));
    const { status } = await shared().get<AuditStream>('auditstream', STREAM, '-n', 'research');
    assert.deepEqual(
      status?.conditions?.map(({ type, status: holds, message }) => [type, holds, message]),
      [['Captured', 'False', 'a connection went past']],
    );
    await shared().kubectl(['delete', 'pod', 'leaky', '-n', 'research', '--force', '--grace-period=0']);
    await shared().kubectl(['label', 'namespace', 'research', 'cairn.dev/enroll-']);
    await shared().kubectl(['label', 'namespace', 'research', 'cairn.dev/enroll=true']);
    await until('nothing to be found any more', () => Promise.resolve(found.get('CaptureBypassed') === 0));
    await until('the condition of an installation that holds', async () => (await enforced()) === 'True LayersHold');
  });
});
