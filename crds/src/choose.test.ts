import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyFor } from './choose.js';
import { completePolicy } from './schema/defaults.js';

const policy = (namespace: string | undefined, name: string, matchLabels?: Record<string, string>) =>
  completePolicy({
    apiVersion: 'cairn.dev/v1alpha1',
    kind: 'AuditPolicy',
    metadata: { name, ...(namespace ? { namespace } : {}) },
    spec: matchLabels ? { selector: { matchLabels } } : {},
  });

const POLICIES = [
  policy('research', 'red', { team: 'red' }),
  policy('research', 'blue', { team: 'blue' }),
  policy('research', 'gpu', { gpu: 'yes' }),
  policy('other', 'all'),
  policy(undefined, 'plain'),
];

test('a pod gets the policy whose selector matches its labels', () => {
  assert.equal(policyFor(POLICIES, { namespace: 'research', labels: { team: 'red', x: 'y' } }).policy?.name, 'red');
  assert.equal(policyFor(POLICIES, { namespace: 'other', labels: {} }).policy?.name, 'all');
  assert.equal(policyFor(POLICIES, { namespace: 'default', labels: {} }).policy?.name, 'plain');
});

test('the annotation names one whatever the labels are', () => {
  const pod = { namespace: 'research', labels: { team: 'red' }, policyAnnotation: 'blue' };
  assert.equal(policyFor(POLICIES, pod).policy?.name, 'blue');
});

test('a policy of another namespace, or of no name here, is told', () => {
  const { problem } = policyFor(POLICIES, { namespace: 'research', labels: {}, policyAnnotation: 'all' });
  assert.equal(problem?.code, 'unknown-policy');
  assert.match(problem.message, /names all, which namespace research lacks; it has red, blue, gpu/);
  assert.equal(policyFor(POLICIES, { namespace: 'research', labels: {} }).problem?.code, 'no-policy');
});

test('two that match are never chosen between', () => {
  const { problem } = policyFor(POLICIES, { namespace: 'research', labels: { team: 'red', gpu: 'yes' } });
  assert.equal(problem?.code, 'several-policies');
  assert.match(problem.message, /red, gpu.*cairn\.dev\/policy/);
});
