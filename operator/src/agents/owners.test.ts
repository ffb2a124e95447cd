import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GrantOwner } from '@cairn/identity';
import { ownersOf } from './owners.js';

const made = (kind: string, name: string, labels: Record<string, string> = {}): GrantOwner[] => {
  const controller = { apiVersion: 'v1', kind, name, uid: 'u', controller: true };
  return ownersOf({
    metadata: { name: 'pod-x', labels, ownerReferences: [{ ...controller, kind: 'Other', controller: false }, controller] },
  });
};

test('a pod of its own has no owner but itself', () => {
  assert.deepEqual(ownersOf({ metadata: { name: 'planner' } }), [{ kind: 'Pod', name: 'planner' }]);
});

const table: [kind: string, name: string, labels: Record<string, string>, above: GrantOwner | undefined][] = [
  ['ReplicaSet', 'planner-5d4f', { 'pod-template-hash': '5d4f' }, { kind: 'Deployment', name: 'planner' }],
  ['ReplicaSet', 'planner-5d4f', {}, undefined],
  ['ReplicaSet', 'planner-5d4f', { 'pod-template-hash': 'other' }, undefined],
  ['Job', 'nightly-29381760', {}, { kind: 'CronJob', name: 'nightly' }],
  ['Job', 'batch-7', {}, undefined],
  ['StatefulSet', 'planner', {}, undefined],
];

for (const [kind, name, labels, above] of table) {
  test(`a pod of ${kind} ${name} ${JSON.stringify(labels)} is made by ${above ? `${above.kind} ${above.name}` : 'nothing above it'}`, () => {
    assert.deepEqual(made(kind, name, labels), [{ kind: 'Pod', name: 'pod-x' }, { kind, name }, ...(above ? [above] : [])]);
  });
}
