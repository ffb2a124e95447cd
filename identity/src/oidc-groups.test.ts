import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP_CHARACTERS, GROUPS_CHARACTERS, GROUPS_COUNT } from './limits.js';
import { claimAt, groupsFrom, groupsOverage } from './oidc-groups.js';

test('a claim is found by name first, by path second, and never on the prototype', () => {
  assert.equal(claimAt({ 'https://example.com/groups': 'a' }, 'https://example.com/groups'), 'a');
  assert.equal(claimAt({ a: { b: { c: 1 } } }, 'a.b.c'), 1);
  assert.equal(claimAt({ a: 'text' }, 'a.length'), undefined);
  assert.equal(claimAt({}, 'constructor.name'), undefined);
  assert.equal(claimAt({ a: null }, 'a.b'), undefined);
});

test('groups come as a list, as one name, or not at all', () => {
  assert.deepEqual(groupsFrom(['a', 'b', 'a', '']), ['a', 'b']);
  assert.deepEqual(groupsFrom('a, b'), ['a, b'], 'one text is one group: splitting it would let a name forge others');
  for (const none of [undefined, null, '', []]) assert.deepEqual(groupsFrom(none), []);
  for (const wrong of [7, { a: 1 }, [1], [['a']]]) assert.throws(() => groupsFrom(wrong), { code: 'claims' });
  assert.throws(() => groupsFrom(['a\nb']), { code: 'claims' });
});

test('number and length of groups hold their limits, at the limit and one beyond', () => {
  const many = (count: number): string[] => Array.from({ length: count }, (_, number) => `g${number}`);
  assert.equal(groupsFrom(many(GROUPS_COUNT)).length, GROUPS_COUNT);
  assert.throws(() => groupsFrom(many(GROUPS_COUNT + 1)), { code: 'claims' });
  assert.equal(groupsFrom(['x'.repeat(GROUP_CHARACTERS)]).length, 1);
  assert.throws(() => groupsFrom(['x'.repeat(GROUP_CHARACTERS + 1)]), { code: 'claims' });
  const long = (last: number): string[] => [
    ...Array.from({ length: GROUPS_CHARACTERS / 256 - 1 }, (_, number) => String(number).padStart(256, 'x')),
    'y'.repeat(last),
  ];
  assert.equal(groupsFrom(long(256)).join('').length, GROUPS_CHARACTERS);
  assert.throws(() => groupsFrom([...long(256), 'z']), { code: 'claims' });
});

test('overage is told from a reference or from hasgroups, and from nothing else', () => {
  const sources = { _claim_names: { groups: 's' }, _claim_sources: { s: { endpoint: 'https://e', access_token: 't' } } };
  assert.deepEqual(groupsOverage(sources, 'groups'), { endpoint: 'https://e', accessToken: 't' });
  assert.deepEqual(groupsOverage({ _claim_names: { groups: 's' } }, 'groups'), {});
  assert.deepEqual(groupsOverage({ hasgroups: true }, 'groups'), {});
  assert.equal(groupsOverage(sources, 'roles'), undefined);
  assert.equal(groupsOverage({ _claim_names: 'groups' }, 'groups'), undefined);
});
