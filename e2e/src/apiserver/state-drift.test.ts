import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { certificateCaches, drift, kubernetes } from '@cairn/operator';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { following, runController } from './state-controllers.js';
import { clientOf, prepare } from './state-replicas.js';
import { until } from './until.js';

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

describe('the drift watchdog, on a real API server', () => {
  const shared = sharedApiServer();
  before(() => prepare(shared()));

  test('webhooks that somebody weakened are put right, those that are gone and pods without sidecars are told', async (t) => {
    const client = await clientOf(shared());
    t.after(() => client.close());
    await shared().apply(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map(configuration));
    const log = (): void => undefined;
    const certificates = certificateCaches(client, 'cairn', log);
    for (const reflector of Object.values(certificates)) await following(t, reflector);
    const namespaces = await following(t, new kubernetes.Reflector(client, kubernetes.NAMESPACES));
    const found = new Map<string, number>();
    const events = new kubernetes.EventRecorder(client, { instance: 'cairn-operator-test' });
    const context = {
      caches: { ...certificates, namespaces },
      events,
      metrics: { drift: (kind: string, count: number) => void found.set(kind, count) },
      config: { webhook: { name: 'cairn' } },
    };
    runController(t, drift({ context, client }));
    await until('a look', () => Promise.resolve(found.size === 3));
    assert.deepEqual([...found.values()], [0, 0, 0]);

    await shared().apply([
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'before-enrolment', namespace: 'research' },
        spec: { containers: [{ name: 'main', image: 'registry.example/sleeper:1' }] },
      },
    ]);
    const weaken = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }];
    await shared().kubectl(['patch', 'mutatingwebhookconfiguration', 'cairn', '--type=json', '-p', JSON.stringify(weaken)]);
    await until('Fail', async () => {
      const { webhooks } = await shared().get<{ webhooks: { failurePolicy: string }[] }>('mutatingwebhookconfiguration', 'cairn');
      return webhooks[0]!.failurePolicy === 'Fail' && found.get('WebhookWeakened') === 0;
    });
    assert.equal(found.get('PodNotInjected'), 1);
    await shared().kubectl(['delete', 'validatingwebhookconfiguration', 'cairn']);
    await until('the webhook to be missed', () => Promise.resolve(found.get('WebhookMissing') === 1));
    await events.flush();
    const told = await shared().get<{ items: { reason: string; regarding: { name: string } }[] }>('events.events.k8s.io', '-A');
    const reasons = told.items.map(({ reason, regarding }) => `${reason} ${regarding.name}`);
    for (const expected of ['WebhookWeakened cairn', 'PodNotInjected before-enrolment', 'WebhookMissing cairn'])
      assert.ok(reasons.includes(expected), expected);
  });
});
