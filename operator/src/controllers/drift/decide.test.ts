import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fencePolicies } from '../../admission/index.js';
import { driftOf, enforcedIn, strengthened, type DriftFacts, type Finding } from './decide.js';
import type { FenceFact, FenceKind, FenceObject } from './fence.js';
import { FINDINGS_SHOWN_COUNT } from './limits.js';

const whole = (failurePolicy = 'Fail') => ({
  metadata: { name: 'cairn' },
  webhooks: [
    { name: 'enrolled.cairn.dev', failurePolicy, clientConfig: { caBundle: 'x' } },
    { name: 'asked.cairn.dev', failurePolicy: 'Ignore', clientConfig: {} },
  ],
});
const facts = (
  more: Partial<DriftFacts['webhooks']> = {},
  uninjected: DriftFacts['uninjected'] = [],
  bypassed: DriftFacts['bypassed'] = [],
): DriftFacts => ({
  webhooks: { MutatingWebhookConfiguration: whole(), ValidatingWebhookConfiguration: whole(), ...more },
  name: 'cairn',
  fence: [],
  uninjected,
  bypassed,
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

test('a pod whose connections went past its sidecar is told by name, and its policies are not enforced', () => {
  const given = facts({}, [], [{ name: 'leaky', namespace: 'research', uid: 'u' }]);
  assert.deepEqual(kinds(given), ['CaptureBypassed Pod/leaky']);
  assert.deepEqual(
    ['research', 'other'].map((namespace) => enforcedIn(namespace, true, driftOf(given)).reason),
    ['CaptureBypassed', 'LayersHold'],
  );
});

describe('the condition of a policy', () => {
  const findings = driftOf(facts({ MutatingWebhookConfiguration: undefined }, [{ name: 'old', namespace: 'research', uid: 'u' }]));
  const condition = (namespace: string, found: readonly Finding[], enrolled = true): string => {
    const { type, status, reason } = enforcedIn(namespace, enrolled, found);
    return `${type} ${status} ${reason}`;
  };

  test('holds where nothing was found, and nowhere without enrolment', () => {
    assert.equal(condition('research', []), 'Enforced True LayersHold');
    assert.equal(condition('research', [], false), 'Enforced False NotEnrolled');
  });

  test('says what of the installation is gone in every namespace, and which pods have no sidecar in their own', () => {
    assert.equal(condition('other', findings), 'Enforced False WebhookMissing');
    assert.equal(condition('other', findings.slice(1)), 'Enforced True LayersHold');
    assert.equal(condition('research', findings.slice(1)), 'Enforced False PodNotInjected');
  });

  test('names as many findings as it shows, and counts the one beyond', () => {
    const pods = (count: number): Finding[] =>
      driftOf(
        facts(
          {},
          Array.from({ length: count }, (_, n) => ({ name: `pod-${n}`, namespace: 'research', uid: `${n}` })),
        ),
      );
    assert.doesNotMatch(enforcedIn('research', true, pods(FINDINGS_SHOWN_COUNT)).message, / more\.$/);
    assert.match(enforcedIn('research', true, pods(FINDINGS_SHOWN_COUNT + 1)).message, /And 1 more\.$/);
  });
});

describe('the fence', () => {
  const rendered = fencePolicies({
    namespace: 'cairn-system',
    sidecarImage: 'sidecar:1',
    operatorUrl: 'https://operator',
  }) as FenceObject[];
  const pods = (kind: FenceKind): FenceObject => rendered.find((each) => each.kind === kind && each.metadata.name === 'cairn-agent-pods')!;
  const policy = pods('ValidatingAdmissionPolicy');
  const binding = pods('ValidatingAdmissionPolicyBinding');
  const found = (expected: FenceObject, object: FenceObject | undefined): string[] => {
    const fence: FenceFact[] = [{ kind: expected.kind as FenceKind, expected, found: object }];
    return driftOf({ ...facts(), fence }).map((each) => `${each.kind} ${/\((.*?)\)/.exec(each.note)?.[1] ?? ''}`.trim());
  };
  const changed = (expected: FenceObject, spec: FenceObject['spec']): string[] =>
    found(expected, { ...expected, spec: { ...expected.spec, ...spec } });
  const { matchConstraints, validations } = policy.spec!;
  const rule = matchConstraints!.resourceRules![0]!;
  const elsewhere = { namespaceSelector: { matchLabels: { team: 'other' } } };

  test('as rendered, and with what the API server adds, has nothing to tell', () => {
    assert.deepEqual(
      rendered.flatMap((each) => found(each, each)),
      [],
    );
    const defaulted = { ...matchConstraints, objectSelector: {}, resourceRules: [{ ...rule, scope: '*' }] };
    assert.deepEqual(changed(policy, { matchConstraints: defaulted }), []);
    const chatty = validations!.map((each) => ({ ...each, message: 'no', reason: 'Invalid' }));
    assert.deepEqual(changed(policy, { validations: chatty }), []);
    assert.deepEqual(changed(binding, { validationActions: ['Deny', 'Audit'] }), []);
  });

  test('a policy or a binding that is gone is told', () => {
    assert.deepEqual(
      [policy, binding].map((each) => found(each, undefined)),
      [['FenceMissing'], ['FenceMissing']],
    );
  });

  const weaker: [string, FenceObject, FenceObject['spec'], string][] = [
    ['lets pass what it fails to judge', policy, { failurePolicy: 'Ignore' }, 'failurePolicy'],
    ['takes a parameter', policy, { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } }, 'paramKind'],
    ['lost a validation', policy, { validations: validations!.slice(1) }, 'validations'],
    ['has another expression', policy, { validations: [{ expression: 'true' }, ...validations!.slice(1)] }, 'validations'],
    ['has another variable', policy, { variables: [{ name: 'inits', expression: '[]' }] }, 'variables'],
    ['has a condition more', policy, { matchConditions: [{ name: 'never', expression: 'false' }] }, 'matchConditions'],
    ['asks in other namespaces', policy, { matchConstraints: { ...matchConstraints, ...elsewhere } }, 'matchConstraints'],
    [
      'asks for some objects',
      policy,
      { matchConstraints: { ...matchConstraints, objectSelector: { matchLabels: { a: 'b' } } } },
      'matchConstraints',
    ],
    [
      'asks on other requests',
      policy,
      { matchConstraints: { ...matchConstraints, resourceRules: [{ ...rule, operations: ['DELETE'] }] } },
      'matchConstraints',
    ],
    [
      'asks for some names',
      policy,
      { matchConstraints: { ...matchConstraints, resourceRules: [{ ...rule, resourceNames: ['a'] }] } },
      'matchConstraints',
    ],
    ['makes an exception', policy, { matchConstraints: { ...matchConstraints, excludeResourceRules: [rule] } }, 'matchConstraints'],
    ['writes down instead of refusing', binding, { validationActions: ['Audit'] }, 'validationActions'],
    ['binds another policy', binding, { policyName: 'other' }, 'policyName'],
    ['binds in other namespaces', binding, { matchResources: elsewhere }, 'matchResources'],
    ['binds a parameter', binding, { paramRef: { name: 'a' } }, 'paramRef'],
  ];
  for (const [what, expected, spec, member] of weaker) {
    test(`a ${expected.kind} that ${what} is told, by the member`, () => {
      assert.deepEqual(changed(expected, spec), [`FenceChanged ${member}`]);
    });
  }
});
