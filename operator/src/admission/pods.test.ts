import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubernetesObject, Pod } from '../inject/index.js';
import { ALICE } from '../lineage/fixture.js';
import { startWebhook, type WebhookFixture } from './fixture.js';

const HELD = '/validate/enrolled';

async function injectedPod(webhook: WebhookFixture): Promise<Pod> {
  const pod: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'agent', image: 'a:1' }] },
  };
  return (await webhook.ask('/mutate/enrolled', ALICE, pod)).object as Pod;
}
const held = async (webhook: WebhookFixture, pod: Pod, more?: Record<string, unknown>): Promise<string> => {
  const { allowed, code } = await webhook.ask(HELD, ALICE, pod, more);
  return allowed ? 'held' : code;
};

test('a pod holds as it was injected, with the defaults that the API server adds', async (t) => {
  const webhook = await startWebhook(t);
  const pod = await injectedPod(webhook);
  assert.equal(await held(webhook, pod), 'held');
  for (const container of [...pod.spec!.initContainers!, ...pod.spec!.containers]) {
    container.terminationMessagePath = '/dev/termination-log';
    container.imagePullPolicy = 'IfNotPresent';
  }
  pod.spec!.initContainers![1]!.resources = { requests: { cpu: '0.05' } };
  assert.equal(await held(webhook, pod), 'held');
});

test('a pod that another webhook changed afterwards is refused', async (t) => {
  const webhook = await startWebhook(t);
  const changes: [string, (pod: Pod) => void, string][] = [
    ['the sidecar is gone', (pod) => void pod.spec!.initContainers!.splice(1, 1), 'not-injected'],
    ['the sidecar runs another image', (pod) => void (pod.spec!.initContainers![1]!.image = 'evil:1'), 'not-injected'],
    [
      'the agent regained a capability',
      (pod) => void (pod.spec!.containers[0]!.securityContext!.capabilities = { add: ['NET_ADMIN'] }),
      'not-injected',
    ],
    [
      'the agent mounts the workload token',
      (pod) => pod.spec!.containers[0]!.volumeMounts!.push({ name: 'cairn-token', mountPath: '/t' }),
      'not-injected',
    ],
    ['a container was added unhardened', (pod) => void pod.spec!.containers.push({ name: 'more', image: 'b' }), 'not-injected'],
    ['the host network was added', (pod) => void (pod.spec!.hostNetwork = true), 'host-network'],
    ['the grant was taken off', (pod) => void delete pod.metadata!.annotations!['cairn.dev/grant'], 'unstamped'],
    ['the grant was forged', (pod) => void (pod.metadata!.annotations!['cairn.dev/grant'] = 'x.y.z'), 'grant-malformed'],
    ['the label names another agent', (pod) => void (pod.metadata!.labels!['cairn.dev/agent'] = 'other'), 'not-injected'],
  ];
  for (const [what, change, code] of changes) {
    const pod = await injectedPod(webhook);
    change(pod);
    assert.equal(await held(webhook, pod), code, what);
  }
});

test('what a launch rests on does not change in a running pod; the rest may', async (t) => {
  const webhook = await startWebhook(t);
  const old = await injectedPod(webhook);
  const update = async (change: (pod: Pod) => void): Promise<string> => {
    const pod = structuredClone(old);
    change(pod);
    return held(webhook, pod, { operation: 'UPDATE', oldObject: old });
  };
  assert.equal(await update((pod) => void (pod.metadata!.labels!['team'] = 'x')), 'held');
  assert.equal(await update((pod) => void delete pod.metadata!.labels!['cairn.dev/agent']), 'immutable');
  assert.equal(await update((pod) => void (pod.metadata!.annotations!['cairn.dev/policy'] = 'open')), 'immutable');
  assert.equal(await update((pod) => void (pod.spec!.containers[0]!.image = 'evil:1')), 'immutable');
});
