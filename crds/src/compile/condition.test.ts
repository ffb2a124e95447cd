import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_GLOB_CHARS, MAX_WHEN_CHARS, MAX_WHEN_DEPTH, MAX_WHEN_NODES } from '../limits.js';
import type { Operation } from '../operation.js';
import type { Actor } from '../policy.js';
import { compileCondition, ConditionError } from './condition.js';

const target = { name: 'orders', protocol: 'postgres' } as const;
const operation: Operation = { verb: 'SELECT', resource: 'public.orders', effect: 'read', parameters: { '1': 5, q: 'x' } };
const actor: Actor = {
  root: { iss: 'https://login.example.com', sub: '1', name: 'alice@example.com', groups: ['analysts'], authn: 'oidc' },
  launch: { id: 'l3', chain: 'l1', depth: 3, path: ['research/planner', 'research/researcher', 'research/sql-writer'] },
  agent: { name: 'sql-writer', namespace: 'research' },
};

const HOLDS: [expression: string, expected: boolean][] = [
  ['operation.verb == "SELECT" && target.protocol == "postgres"', true],
  ['launch.depth > 2', true],
  ['launch.depth == 1', false],
  ['"analysts" in root.groups', true],
  ['root.name.endsWith("@example.com")', true],
  ['launch.path.exists(p, p.endsWith("/planner"))', true],
  ['operation.parameters["1"] > 4', true],
  ['has(operation.parameters.q) && operation.parameters.q == "y"', false],
  ['agent.namespace == "research"', true],
  ['operation.resource.glob("public.*")', true],
  ['operation.resource.glob("private.**")', false],
];

for (const [expression, expected] of HOLDS) {
  test(`${expression} is ${expected}`, () => assert.equal(compileCondition(expression)(target, operation, actor), expected));
}

test('an actor without person and launch reads as empty texts and depth 0', () => {
  const nobody: Actor = { agent: { name: 'a', namespace: 'n' } };
  assert.equal(compileCondition('root.name == "" && size(root.groups) == 0 && launch.depth == 0')(undefined, operation, nobody), true);
  assert.equal(compileCondition('target.name == ""')(undefined, { verb: 'GET', resource: '/', effect: 'read' }, nobody), true);
});

const REFUSED: [expression: string, why: RegExp][] = [
  ['1 +', /not a CEL expression/],
  ['operation.verbb == "x"', /verbb/],
  ['somebody == "x"', /somebody/],
  ['operation.verb', /gives string/],
  ['launch.depth > "2"', /cannot be evaluated/],
  ['operation.resource.matches("^(a+)+$")', /matches\(\)/],
  ['root.groups.all(g, root.groups.exists(h, h == g))', /nests/],
  ['operation.resource.glob(root.name)', /not a literal/],
  [`operation.resource.glob("${'a'.repeat(MAX_GLOB_CHARS + 1)}")`, /glob of more than/],
  [`operation.verb == "${'x'.repeat(MAX_WHEN_CHARS)}"`, /characters/],
];

for (const [expression, why] of REFUSED) {
  test(`${expression.slice(0, 50)} is refused`, () => {
    assert.throws(
      () => compileCondition(expression),
      (error) => error instanceof ConditionError && why.test(error.message),
    );
  });
}

test('the limits of an expression hold at the limit and refuse beyond it', () => {
  const padded = `true${' '.repeat(MAX_WHEN_CHARS - 4)}`;
  compileCondition(padded);
  assert.throws(() => compileCondition(`${padded} `), ConditionError);
  const not = (depth: number) => `${'!'.repeat(depth)}true`;
  compileCondition(not(10));
  assert.throws(() => compileCondition(`${'('.repeat(MAX_WHEN_DEPTH + 1)}true${')'.repeat(MAX_WHEN_DEPTH + 1)}`), ConditionError);
  const list = (nodes: number) => `1 in [${Array.from({ length: nodes - 3 }, () => '1').join()}]`;
  compileCondition(list(MAX_WHEN_NODES));
  assert.throws(() => compileCondition(list(MAX_WHEN_NODES + 1)), ConditionError);
  compileCondition(`operation.resource.glob("${'a'.repeat(MAX_GLOB_CHARS)}")`);
});

test('a failing evaluation throws, so that the caller denies', () => {
  assert.throws(() => compileCondition('operation.parameters["none"] == 1')(target, operation, actor));
  assert.throws(() => compileCondition('operation.parameters.q')(target, operation, actor), ConditionError);
});
