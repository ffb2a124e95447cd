import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driftOf, strengthened, type DriftFacts } from './decide.js';

const whole = (failurePolicy = 'Fail') => ({
  metadata: { name: 'cairn' },
  webhooks: [
    { name: 'enrolled.cairn.dev', failurePolicy, clientConfig: { caBundle: 'x' } },
    { name: 'asked.cairn.dev', failurePolicy: 'Ignore', clientConfig: {} },
  ],
});
const facts = (more: Partial<DriftFacts['webhooks']> = {}, uninjected: DriftFacts['uninjected'] = []): DriftFacts => ({
  webhooks: { MutatingWebhookConfiguration: whole(), ValidatingWebhookConfiguration: whole(), ...more },
  name: 'cairn',
  uninjected,
});
const kinds = (given: DriftFacts): string[] => driftOf(given).map(({ kind, regarding }) => `${kind} ${regarding.kind}/${regarding.name}`);

test('an installation as it should be has nothing to tell', () => assert.deepEqual(kinds(facts()), []));

test('a configuration that is gone, emptied, or lets pass while nobody answers is told', () => {
  assert.deepEqual(kinds(facts({ MutatingWebhookConfiguration: undefined })), ['WebhookMissing MutatingWebhookConfiguration/cairn']);
  const empty = { metadata: { name: 'cairn' } };
  assert.deepEqual(kinds(facts({ ValidatingWebhookConfiguration: empty })), ['WebhookMissing ValidatingWebhookConfiguration/cairn']);
  assert.deepEqual(kinds(facts({ MutatingWebhookConfiguration: whole('Ignore') })), ['WebhookWeakened MutatingWebhookConfiguration/cairn']);
});

test('it is put back to Fail and left alone otherwise', () =>
  assert.deepEqual(strengthened(whole('Ignore')), { webhooks: whole().webhooks }));

test('a pod without a sidecar is told by name', () => {
  assert.deepEqual(kinds(facts({}, [{ name: 'old', namespace: 'research', uid: 'u' }])), ['PodNotInjected Pod/old']);
});
