import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compilePolicy } from '../compile/compile.js';
import { MAX_CASES } from '../limits.js';
import { parsePolicies } from '../parse/parse.js';
import { parsePolicyCases, type PolicyCase } from './cases.js';
import { differences, judgeCase } from './judge.js';

const read = (name: string): string => readFileSync(new URL(`../../testdata/${name}`, import.meta.url), 'utf8');
const research = compilePolicy(parsePolicies(read('research.yaml'), 'research.yaml').policies[0]!);

for (const each of parsePolicyCases(read('research-cases.yaml'), 'research-cases.yaml').cases) {
  test(`research: ${each.name}`, () => {
    assert.equal(each.policy, 'research');
    assert.deepEqual(differences(each.expect, judgeCase(research, each, each.operations)), []);
  });
}

function caseOf(text: string): PolicyCase {
  const { cases, problems } = parsePolicyCases(`cases: [{name: c, target: orders, ${text}}]`, 'c.yaml');
  assert.deepEqual(problems, []);
  return cases[0]!;
}

test('what differs is told field by field', () => {
  const wrong = caseOf(
    'operation: {verb: INSERT}, actor: {root: {name: a}}, expect: {action: Allow, rule: contacts, approval: {minimum: 2}}',
  );
  assert.deepEqual(differences(wrong.expect, judgeCase(research, wrong, wrong.operations)), [
    { field: 'action', expected: 'Allow', actual: 'RequireApproval' },
    { field: 'rule', expected: 'contacts', actual: 'writes' },
    { field: 'approval.minimum', expected: 2, actual: 1 },
  ]);
});

test('a statement that could not be parsed is what the policy says of such', () => {
  const broken = caseOf('sql: "SELEC 1", actor: {root: {name: a}}, expect: {action: Deny}');
  assert.equal(judgeCase(research, broken, undefined), research.unparsed);
});

const WRONG: [text: string, told: RegExp][] = [
  ['cases: [{name: c, target: t, operation: {verb: X}, expct: {}}]', /no field expct. Did you mean expect\?/],
  ['cases: [{name: c, target: t, operation: {verb: X}, sql: "", expect: {}}]', /sql is empty/],
  ['cases: [{name: c, target: t, operation: {verb: X}, sql: "x", expect: {}}]', /exactly one of operation, operations and sql/],
  ['cases: [{name: c, target: t, sql: "x", expect: {action: allow}}]', /action cannot be allow.*Did you mean Allow/],
  ['cases: [', /YAML/],
  ['[]', /must be a map/],
];

for (const [text, told] of WRONG) {
  test(`cases with a mistake: ${text}`, () =>
    assert.match(
      parsePolicyCases(text, 'c.yaml')
        .problems.map(({ message }) => message)
        .join('\n'),
      told,
    ));
}

test('cases are limited in number', () => {
  const many = (count: number) => `cases: [${Array.from({ length: count }, () => '{name: c, target: t, sql: x, expect: {}}').join()}]`;
  assert.deepEqual(parsePolicyCases(many(MAX_CASES), 'c').problems, []);
  assert.match(parsePolicyCases(many(MAX_CASES + 1), 'c').problems[0]!.message, /more than 10000 entries/);
});
