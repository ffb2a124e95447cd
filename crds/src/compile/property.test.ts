/** The compiled policy against a reading of the documentation in the plainest code. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_MERGED_VERDICTS } from '../limits.js';
import { EFFECTS, type Operation } from '../operation.js';
import type { Actor, Verdict } from '../policy.js';
import { completePolicy } from '../schema/defaults.js';
import type { AuditPolicy, Rule, RuleMatch } from '../types.js';
import { compilePolicy } from './compile.js';
import { VerdictMerger } from './merge.js';

const some = (values: readonly string[]) => fc.option(fc.subarray([...values], { minLength: 1 }), { nil: undefined });
const TARGETS = ['db', 'crm'];
const VERBS = ['SELECT', 'select', 'DROP', 'get'];
const RESOURCES = ['orders', 'public.orders', '/v1/a'];

const match = fc.record({
  targets: some(TARGETS),
  verbs: some(VERBS),
  effects: some(EFFECTS),
  resources: some(RESOURCES),
  agents: some(['planner', 'writer']),
  groups: some(['g1', 'g2']),
  users: some(['alice', 'bob']),
});
const CONDITIONS = [undefined, 'operation.effect == "write"', 'launch.depth > 1', 'operation.parameters.x == 1.0'];
const rule = fc.record({
  match,
  when: fc.constantFrom(...CONDITIONS),
  action: fc.constantFrom('Allow', 'Deny', 'RequireApproval'),
  level: fc.constantFrom('None', 'Metadata', 'RequestResponse'),
  delivery: fc.constantFrom('Strict', 'Durable', 'BestEffort'),
  mask: fc.subarray([{ fields: ['email'] }, { detect: ['jwt'] }]),
});

const policies = fc.array(rule, { maxLength: 12 }).map((rules): AuditPolicy => {
  const named = rules.map(({ action, ...rest }, i) => ({
    ...structuredClone(rest),
    ...{ name: `r${i}`, action },
    ...(action === 'RequireApproval' ? { approval: { groups: ['g'], minimum: 1, timeout: '1h' } } : {}),
  }));
  const targets = TARGETS.map((name) => ({ name, protocol: 'http', hosts: [name], port: 80 }));
  return completePolicy({
    apiVersion: 'cairn.dev/v1alpha1',
    kind: 'AuditPolicy',
    metadata: { name: 'p' },
    spec: { targets, rules: named },
  });
});

const operations = fc.record({
  verb: fc.constantFrom(...VERBS, 'other'),
  resource: fc.constantFrom(...RESOURCES, ''),
  effect: fc.constantFrom(...EFFECTS),
  parameters: fc.constantFrom({}, { x: 1 }, { x: 2 }),
});
const actors: fc.Arbitrary<Actor> = fc.record(
  {
    agent: fc.record({ name: fc.constantFrom('planner', 'writer', 'x'), namespace: fc.constant('n') }),
    root: fc.record({
      iss: fc.constant('i'),
      sub: fc.constant('s'),
      name: fc.constantFrom('alice', 'bob', 'eve'),
      groups: fc.subarray(['g1', 'g2', 'g3']),
      authn: fc.constant('oidc'),
    }),
    launch: fc.nat(3).map((depth) => ({ id: 'l', chain: 'c', depth, path: [] })),
  },
  { requiredKeys: ['agent'] },
);

function says({ when }: Rule, { effect, parameters }: Operation, { launch }: Actor): boolean | 'fails' {
  switch (CONDITIONS.indexOf(when)) {
    case 1:
      return effect === 'write';
    case 2:
      return (launch?.depth ?? 0) > 1;
    case 3:
      return parameters && 'x' in parameters ? parameters['x'] === 1 : 'fails';
    default:
      return true;
  }
}

function fits(wanted: RuleMatch, target: string, { verb, effect, resource }: Operation, { agent, root }: Actor): boolean {
  const among = (list: readonly string[] | undefined, value: string | undefined): boolean =>
    !list || (value !== undefined && list.includes(value));
  return (
    among(wanted.targets, target) &&
    among(
      wanted.verbs?.map((each) => each.toLowerCase()),
      verb.toLowerCase(),
    ) &&
    among(wanted.effects, effect) &&
    among(wanted.resources, resource) &&
    among(wanted.agents, agent.name) &&
    among(wanted.users, root?.name) &&
    (!wanted.groups || (root?.groups.some((group) => wanted.groups!.includes(group)) ?? false))
  );
}

function plainly({ spec }: AuditPolicy, target: string, operation: Operation, actor: Actor): [action: string, rule: string | undefined] {
  for (const each of spec.rules) {
    if (!fits(each.match, target, operation, actor)) continue;
    const answer = says(each, operation, actor);
    if (answer === 'fails') return ['Deny', each.name];
    if (answer) return [each.action, each.name];
  }
  return [spec.default.action, undefined];
}

test('compiled and plainly read, a policy says the same', () => {
  const property = fc.property(
    policies,
    fc.constantFrom(...TARGETS, 'elsewhere'),
    operations,
    actors,
    (policy, target, operation, actor) => {
      const { action, rule: name } = compilePolicy(policy).match(target, operation, actor);
      assert.deepEqual([action, name], plainly(policy, target, operation, actor));
    },
  );
  fc.assert(property, { numRuns: 2000 });
});

test('a message is as strict as its strictest operation, in any order the same object', () => {
  const property = fc.property(policies, fc.array(operations, { minLength: 1, maxLength: 6 }), actors, (policy, list, actor) => {
    const compiled = compilePolicy(policy);
    const all = compiled.matchAll('db', list, actor);
    const each = list.map((operation) => compiled.match('db', operation, actor));
    const strictness = ['Allow', 'RequireApproval', 'Deny'];
    assert.equal(strictness.indexOf(all.action), Math.max(...each.map(({ action }) => strictness.indexOf(action))));
    assert.ok(each.some(({ action, rule: name }) => action === all.action && name === all.rule));
    for (const { mask } of each) for (const one of mask) assert.ok(all.mask.some((kept) => JSON.stringify(kept) === JSON.stringify(one)));
    assert.equal(compiled.matchAll('db', list.toReversed(), actor), all);
  });
  fc.assert(property, { numRuns: 1000 });
});

test('the memory of combinations begins again at its limit, and verdicts stay right', () => {
  const verdict = (i: number): Verdict => ({
    action: 'Allow',
    policy: 'p',
    rule: `r${i}`,
    level: 'None',
    delivery: 'Durable',
    mask: [{ fields: [`f${i}`] }],
  });
  const verdicts = Array.from({ length: 128 }, (_, i) => verdict(i));
  const merger = new VerdictMerger(verdicts);
  const first = merger.merge(verdicts[0]!, verdicts[1]!);
  let count = 0;
  for (const a of verdicts) {
    for (const b of verdicts) {
      if (a === b || count++ > 2 * MAX_MERGED_VERDICTS + 2) continue;
      assert.equal(merger.merge(a, b).mask.length, 2);
    }
  }
  assert.ok(count > MAX_MERGED_VERDICTS);
  assert.deepEqual(merger.merge(verdicts[0]!, verdicts[1]!), first);
});
