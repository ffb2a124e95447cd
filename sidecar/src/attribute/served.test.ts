import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchIdentity } from '@cairn/identity';
import type { Attribution } from './attribution.js';
import { MAX_SERVED_LAUNCHES } from './limits.js';
import { ServedLaunches } from './served.js';

function identity(id: string): LaunchIdentity {
  const root = { iss: 'https://idp', sub: 'alice', name: 'alice', groups: [], authn: 'oidc' as const };
  return { root, launch: { id, chain: id, depth: 1, path: ['n/a'] } };
}

function attribution(id: string | undefined, among?: LaunchIdentity[]): Attribution {
  const who = id === undefined ? undefined : identity(id);
  return { method: 'handle', identity: who, token: undefined, candidates: undefined, cause: undefined, ...(among ? { among } : {}) };
}

const revoked =
  (id: string) =>
  ({ launch }: LaunchIdentity): string | undefined =>
    launch.id === id ? 'revoked' : undefined;

test('a session ends for every launch that it acted for, also the former ones and the possible ones', () => {
  const served = new ServedLaunches();
  for (const each of ['a', 'b', 'b', undefined]) served.add(attribution(each));
  served.add(attribution(undefined, [identity('c'), identity('d')]));
  for (const each of ['a', 'b', 'c', 'd']) assert.equal(served.refusal(revoked(each)), 'revoked', each);
  assert.equal(served.refusal(revoked('e')), undefined);
  assert.equal(served.latest?.among?.length, 2);
});

test('launches of a session are remembered up to a limit; beyond it the session ends with any revocation', () => {
  const served = new ServedLaunches();
  for (let index = 0; index < MAX_SERVED_LAUNCHES; index++) served.add(attribution(`l${index}`));
  served.add(attribution('l0'));
  assert.equal(served.refusal(revoked('other')), undefined);
  served.add(attribution('one more'));
  assert.match(served.refusal(revoked('other')) ?? '', /more than the 1024/);
});
