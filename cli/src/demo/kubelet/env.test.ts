import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '@cairn/operator';
import { environmentOf, relocate } from './env.js';
import type { Pod } from './pod.js';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'planner-1',
    namespace: 'research',
    uid: 'u-1',
    labels: {},
    annotations: { 'cairn.dev/grant': 'signed' },
    ownerReferences: [],
  },
  spec: { containers: [] },
};
const secrets = new Map([['crm', { token: 's3cret' }]]);
const env = (variables: Container['env'], mounts = new Map<string, string>()): Record<string, string> =>
  environmentOf({ name: 'agent', env: variables! }, pod, secrets, mounts);

test('fields of the pod come by the downward API', () => {
  const fields = ['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', "metadata.annotations['cairn.dev/grant']"];
  const resolved = env(fields.map((fieldPath) => ({ name: fieldPath, valueFrom: { fieldRef: { fieldPath } } })));
  assert.deepEqual(Object.values(resolved), ['planner-1', 'research', 'u-1', 'demo', 'signed']);
});

test('an annotation that is not there is empty, as in a cluster', () => {
  assert.deepEqual(env([{ name: 'G', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['x']" } } }]), { G: '' });
});

test('keys of Secrets are resolved, and a missing one is an error', () => {
  const from = (key: string): Container['env'] => [{ name: 'T', valueFrom: { secretKeyRef: { name: 'crm', key } } }];
  assert.deepEqual(env(from('token')), { T: 's3cret' });
  assert.throws(() => env(from('other')), /Secret crm has no key other/);
});

test('mount paths inside values become folders, the longest first', () => {
  const mounts = new Map([
    ['/var/run/a', '/volumes/a'],
    ['/var/run/a/nested', '/volumes/b'],
  ]);
  assert.equal(relocate('-Dx=/var/run/a/nested/f -Dy=/var/run/a/g', mounts), '-Dx=/volumes/b/f -Dy=/volumes/a/g');
});
