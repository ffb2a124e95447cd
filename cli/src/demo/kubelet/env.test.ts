import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '@cairn/operator';
import { environmentOf, relocate, type Mounts } from './env.js';
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
const env = (variables: Container['env'], mounts: Mounts = { root: '/root', paths: [] }): Record<string, string> =>
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

const mounts: Mounts = { root: '/pod/agent', paths: ['/var/run/a', '/var/run/a/nested', '/var/run/b/c'] };

test('mount paths inside values move below the root of the container', () => {
  const moved = relocate('-Dx=/var/run/a/nested/f -Dy=/var/run/b/c', mounts);
  assert.equal(moved, '-Dx=/pod/agent/var/run/a/nested/f -Dy=/pod/agent/var/run/b/c');
});

test('a folder that mounts stand in moves as a whole; other paths stay', () => {
  assert.equal(relocate('/var/run/b', mounts), '/pod/agent/var/run/b');
  assert.equal(relocate('/var/lib', mounts), '/var/lib');
});
