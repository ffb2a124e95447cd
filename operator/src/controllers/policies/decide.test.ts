import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Observation } from '../../kubernetes/index.js';
import { MAX_LAST_VALID_CHARS, type AuditPolicy } from '@cairn/crds';
import { observationsOf, recordOf, type PolicyView } from './decide.js';
import { NAMES_SHOWN_COUNT, PROBLEMS_SHOWN_COUNT } from './limits.js';

const GOOD: PolicyView = {
  problems: [],
  inForce: true,
  pods: ['planner-0'],
  disputed: [],
  targets: 2,
  unknownProviders: [],
  enrolled: true,
};

function observe(view: Partial<PolicyView>, type: string): Observation {
  return observationsOf({ ...GOOD, ...view }).find((each) => each.type === type)!;
}

const table: { given: string; view: Partial<PolicyView>; expect: Record<string, [status: string, reason: string]> }[] = [
  {
    given: 'a valid policy with pods',
    view: {},
    expect: {
      Ready: ['True', 'InForce'],
      Accepted: ['True', 'Valid'],
      Selecting: ['True', 'PodsSelected'],
      Conflicting: ['False', 'NoConflict'],
    },
  },
  { given: 'one that selects nothing', view: { pods: [] }, expect: { Ready: ['True', 'InForce'], Selecting: ['False', 'NoPods'] } },
  {
    given: 'an invalid version after a valid one',
    view: { problems: [{ path: 'spec.rules[0]', message: 'it is wrong.' }] },
    expect: { Ready: ['False', 'InvalidKeptPrevious'], Accepted: ['False', 'InvalidKeptPrevious'] },
  },
  {
    given: 'one that never was valid',
    view: { problems: [{ path: '', message: 'it is wrong.' }], inForce: false, pods: [], targets: 0 },
    expect: { Ready: ['False', 'Invalid'], Accepted: ['False', 'Invalid'], Selecting: ['False', 'NoPods'] },
  },
  {
    given: 'pods that another policy selects too',
    view: { pods: [], disputed: [{ pod: 'planner-0', policies: ['a', 'b'] }] },
    expect: { Ready: ['False', 'SeveralPolicies'], Conflicting: ['True', 'SeveralPolicies'], Selecting: ['False', 'OnlyDisputedPods'] },
  },
  {
    given: 'a provider that the cluster lacks',
    view: { unknownProviders: ['corp'] },
    expect: { Ready: ['False', 'UnknownProvider'], ReferencesResolved: ['False', 'UnknownProvider'] },
  },
];

for (const { given, view, expect } of table) {
  test(`${given}: ${Object.values(expect)[0]![1]}`, () => {
    for (const [type, [status, reason]] of Object.entries(expect)) {
      const found = observe(view, type);
      assert.deepEqual([found.status, found.reason], [status, reason], type);
    }
  });
}

test('messages say how many, name a few and tell what to do', () => {
  const pods = Array.from({ length: NAMES_SHOWN_COUNT + 1 }, (_, n) => `p${n}`);
  assert.match(
    observe({ pods }, 'Selecting').message,
    /6 agent pod\(s\) run by it, towards 2 target\(s\): p0, p1, p2, p3, p4 and 1 more\./,
  );
  assert.match(observe({ pods: pods.slice(1) }, 'Selecting').message, /p1, p2, p3, p4, p5\.$/);
  const problems = Array.from({ length: PROBLEMS_SHOWN_COUNT + 2 }, (_, n) => ({ path: `spec.rules[${n}]`, message: 'wrong.' }));
  assert.match(
    observe({ problems }, 'Accepted').message,
    /^Agents run by its last valid version\. spec\.rules\[0\]: wrong\..* and 2 more problems\.$/,
  );
  assert.match(
    observe({ disputed: [{ pod: 'p0', policies: ['a', 'b'] }] }, 'Conflicting').message,
    /p0 is selected by a, b; narrow a selector/,
  );
  assert.match(observe({ enrolled: false }, 'Ready').message, /not enrolled/);
});

test('a spec is recorded up to what a status takes, and one character more stays in memory alone', () => {
  const sized = (characters: number): AuditPolicy => {
    const empty = { metadata: { name: 'p' }, spec: { padding: '' } };
    return { ...empty, spec: { padding: 'x'.repeat(characters - JSON.stringify(empty.spec).length) } } as unknown as AuditPolicy;
  };
  assert.equal(recordOf(sized(MAX_LAST_VALID_CHARS))!.length, MAX_LAST_VALID_CHARS);
  assert.equal(recordOf(sized(MAX_LAST_VALID_CHARS + 1)), undefined);
  assert.equal(recordOf(undefined), undefined);
});
