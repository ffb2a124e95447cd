import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MAX_KNOWN_VERBS } from '../limits.js';
import type { Operation } from '../operation.js';
import { parsePolicies } from '../parse/parse.js';
import type { Actor, CompiledPolicy } from '../policy.js';
import { compilePolicy } from './compile.js';

const alice: Actor = {
  root: { iss: 'https://login.example.com', sub: '1', name: 'alice@example.com', groups: ['staff', 'analysts'], authn: 'oidc' },
  launch: { id: 'l3', chain: 'l1', depth: 3, path: ['r/planner', 'r/researcher', 'r/sql-writer'] },
  agent: { name: 'sql-writer', namespace: 'research' },
};
const nobody: Actor = { agent: { name: 'sql-writer', namespace: 'research' } };

const op = (verb: string, effect: Operation['effect'] = 'read', resource = 'orders', parameters?: Record<string, unknown>): Operation => ({
  ...{ verb, resource, effect },
  ...(parameters ? { parameters } : {}),
});

function compile(spec: string): CompiledPolicy {
  const text = `apiVersion: cairn.dev/v1alpha1\nkind: AuditPolicy\nmetadata: {name: p}\nspec:\n${spec.replaceAll(/^/gm, '  ')}`;
  const { policies, problems } = parsePolicies(text, 'p.yaml');
  assert.deepEqual(problems, []);
  return compilePolicy(policies[0]!);
}

function research(): CompiledPolicy {
  const text = readFileSync(new URL('../../testdata/research.yaml', import.meta.url), 'utf8');
  return compilePolicy(parsePolicies(text, 'research.yaml').policies[0]!);
}

const TARGETS = 'targets:\n- {name: db, protocol: postgres, hosts: [db.svc, "2001:db8::1"], port: 5432}\n';

test('the first rule that matches decides, verbs in any case', () => {
  const policy = research();
  assert.equal(policy.match('orders', op('drop', 'admin'), alice).rule, 'no-schema-changes');
  assert.equal(policy.match('orders', op('DROP', 'write'), alice).action, 'Deny');
  assert.equal(policy.match('orders', op('INSERT', 'write'), alice).rule, 'writes');
  assert.equal(policy.match('crm', op('POST', 'write'), alice).rule, 'contacts');
  assert.equal(policy.match('orders', op('SELECT'), alice).mask.length, 2);
});

test('what no rule matches gets the default, and a target that is not declared only rules that name none', () => {
  const policy = compile(
    `${TARGETS}rules:\n- {name: db, match: {targets: [db], verbs: [X]}, action: Allow}\n- {name: any, match: {verbs: [Y]}, action: Allow}`,
  );
  const none = policy.match('db', op('Z'), alice);
  assert.deepEqual([none.action, none.rule], ['Deny', undefined]);
  assert.match(none.reason!, /default is Deny/);
  assert.equal(policy.match('elsewhere', op('X'), alice), none);
  assert.equal(policy.match('elsewhere', op('Y'), alice).rule, 'any');
});

test('a destination is found without regard to case, trailing dot and IP spelling', () => {
  const policy = compile(TARGETS);
  for (const host of ['db.svc', 'DB.svc.', '2001:DB8:0::1', '[2001:db8::1]']) {
    if (host.includes(':')) assert.equal(policy.target(host, 5432)?.name, 'db', host);
    else assert.equal(policy.target(host, 5432)?.name, 'db', host);
  }
  assert.equal(policy.target('db.svc', 5433), undefined);
  assert.equal(policy.target('xdb.svc', 5432), undefined);
});

test('groups and users are those of the person, and nobody is in none', () => {
  const policy = compile(
    'rules:\n- {name: g, match: {groups: [analysts], verbs: [A]}, action: Allow}\n- {name: u, match: {users: [alice@example.com]}, action: Allow}',
  );
  assert.equal(policy.match('x', op('A'), alice).rule, 'g');
  assert.equal(policy.match('x', op('B'), alice).rule, 'u');
  assert.equal(policy.match('x', op('A'), nobody).rule, undefined);
});

test('agents and resources match', () => {
  const policy = compile('rules:\n- {name: r, match: {resources: [exact, "public.*"], agents: [sql-writer]}, action: Allow}');
  assert.equal(policy.match('x', op('A', 'read', 'exact'), alice).rule, 'r');
  assert.equal(policy.match('x', op('A', 'read', 'public.orders'), alice).rule, 'r');
  assert.equal(policy.match('x', op('A', 'read', 'private.orders'), alice).rule, undefined);
  assert.equal(policy.match('x', op('A', 'read', 'exact'), { agent: { name: 'planner', namespace: 'n' } }).rule, undefined);
});

test('a condition narrows a rule; one that fails at run time denies and names the rule', () => {
  const policy = compile(
    'rules:\n- {name: small, match: {}, when: "operation.parameters.limit < 10", action: Allow}\n- {name: rest, match: {}, action: Allow}',
  );
  assert.equal(policy.match('x', op('A', 'read', '', { limit: 5 }), alice).rule, 'small');
  assert.equal(policy.match('x', op('A', 'read', '', { limit: 50 }), alice).rule, 'rest');
  const failed = policy.match('x', op('A', 'read', '', {}), alice);
  assert.deepEqual([failed.action, failed.rule], ['Deny', 'small']);
  assert.match(failed.reason!, /rule small could not be evaluated/);
  assert.equal(policy.match('x', op('A'), alice), failed);
});

test('one rule gives one frozen object, and the policy given is not touched', () => {
  const policy = research();
  const verdict = policy.match('orders', op('SELECT'), alice);
  assert.equal(policy.match('orders', op('TABLE'), nobody), verdict);
  assert.ok(
    Object.isFrozen(verdict) && Object.isFrozen(verdict.mask) && Object.isFrozen(verdict.mask[0]) && Object.isFrozen(policy.spec.rules[0]),
  );
});

test('one message gets the strictest action with its rule, the strongest record and all masks', () => {
  const policy = research();
  const [read, write, drop] = [op('SELECT'), op('INSERT', 'write'), op('DROP', 'admin')];
  assert.equal(policy.matchAll('orders', [read], alice), policy.match('orders', read, alice));
  assert.equal(policy.matchAll('orders', [read, read], alice), policy.match('orders', read, alice));
  const both = policy.matchAll('orders', [read, write], alice);
  assert.deepEqual(
    [both.action, both.rule, both.level, both.delivery, both.mask.length],
    ['RequireApproval', 'writes', 'RequestResponse', 'Strict', 2],
  );
  assert.deepEqual(both.approval, { groups: ['db-owners'], minimum: 1, timeout: '30m' });
  assert.equal(policy.matchAll('orders', [write, read, write], alice), both);
  const all = policy.matchAll('orders', [read, write, drop], alice);
  assert.deepEqual([all.action, all.rule, all.approval], ['Deny', 'no-schema-changes', undefined]);
  assert.equal(policy.matchAll('orders', [drop, read, write], alice), all);
  assert.ok(Object.isFrozen(all));
});

test('no operations at all get the default', () => {
  const policy = research();
  assert.deepEqual([policy.matchAll('orders', [], alice).action, policy.matchAll('orders', [], alice).rule], ['Allow', undefined]);
});

const approvals = (a: string, b: string): CompiledPolicy =>
  compile(
    `rules:\n- {name: a, match: {verbs: [A]}, action: RequireApproval, approval: {groups: ${a}, minimum: 2, timeout: 1h}}\n- {name: b, match: {}, action: RequireApproval, approval: {groups: ${b}, timeout: 90s}}`,
  );

test('two approvals in one message are asked of those who may give both', () => {
  const { approval, action, rule } = approvals('[dba, leads]', '[leads, ops]').matchAll('x', [op('B'), op('A')], alice);
  assert.deepEqual([action, rule, approval], ['RequireApproval', 'a', { groups: ['leads'], minimum: 2, timeout: '90s' }]);
});

test('two approvals that no group can give together deny', () => {
  const { approval, action, reason } = approvals('[dba]', '[ops]').matchAll('x', [op('A'), op('B')], alice);
  assert.deepEqual([action, approval], ['Deny', undefined]);
  assert.match(reason!, /rules a and b.*one by one/);
});

test('what rules cannot be asked about says why it is refused', () => {
  const { undeclared, unparsed, ambiguous, unidentified } = compile('default: {action: Allow, level: None}');
  for (const verdict of [undeclared, unparsed, ambiguous, unidentified])
    assert.deepEqual([verdict.action, verdict.level, verdict.rule], ['Deny', 'Metadata', undefined]);
  assert.match(undeclared.reason!, /no target of the policy declares/);
  assert.match(unparsed.reason!, /could not be parsed/);
  assert.match(ambiguous.reason!, /several launches/);
  assert.match(unidentified.reason!, /nobody is known/);
});

test('recorded instead of refused: what could not be parsed keeps its request and every mask of the policy', () => {
  const masked = '{name: m, match: {}, action: Allow, mask: [{fields: [email]}]}';
  const { undeclared, unparsed, ambiguous } = compile(
    `undeclared: Record\nunparsed: Record\nidentity: {onAmbiguous: Record}\nrules: [${masked}]`,
  );
  assert.deepEqual([undeclared.action, undeclared.level], ['Allow', 'Metadata']);
  assert.deepEqual([unparsed.action, unparsed.level, unparsed.mask], ['Allow', 'Request', [{ fields: ['email'] }]]);
  assert.equal(ambiguous.action, 'Allow');
});

test('an ambiguous action that is held asks the approvers of all rules by the strictest terms', () => {
  const rule = (name: string, verb: string, approval: string) =>
    `- {name: ${name}, match: {verbs: [${verb}]}, action: RequireApproval, approval: ${approval}}\n`;
  const text = `identity: {onAmbiguous: Hold}\nrules:\n${rule('a', 'A', '{groups: [x, y], minimum: 2, timeout: 1h}')}${rule('b', 'B', '{groups: [y, z], timeout: 30m}')}`;
  const { ambiguous } = compile(text);
  assert.deepEqual([ambiguous.action, ambiguous.approval], ['RequireApproval', { groups: ['x', 'y', 'z'], minimum: 2, timeout: '30m' }]);
});

test('verbs beyond the memory are matched all the same', () => {
  const policy = compile('rules: [{name: v, match: {verbs: [WANTED]}, action: Allow}]');
  for (let i = 0; i <= MAX_KNOWN_VERBS; i++) assert.equal(policy.match('x', op(`verb-${i}`), alice).rule, undefined);
  assert.equal(policy.match('x', op('wanted'), alice).rule, 'v');
});
