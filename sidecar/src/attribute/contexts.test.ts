import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchIdentity } from '@cairn/identity';
import { Contexts } from './contexts.js';
import { MAX_CANDIDATES, MAX_OPEN_CONTEXTS } from './limits.js';

const TRACE_A = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const TRACE_B = '00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function person(name: string, launch = `launch-of-${name}`): { identity: LaunchIdentity; token: string } {
  const root = { iss: 'https://idp', sub: name, name, groups: [], authn: 'oidc' as const };
  return { identity: { root, launch: { id: launch, chain: launch, depth: 1, path: ['research/planner'] } }, token: `token-${launch}` };
}

function table(serves = true): Contexts {
  return new Contexts({ serves, own: () => person('carol', 'pod-launch') });
}

test('a pod that serves no requests is its own launch, exactly', () => {
  const attribution = table(false).attribute({});
  assert.equal(attribution.method, 'pod_launch');
  assert.equal(attribution.identity?.launch.id, 'pod-launch');
});

test('with nothing open, work is background of the pod launch', () => {
  assert.equal(table().attribute({ traceparent: TRACE_A }).method, 'background');
});

test('a pod whose launch is unknown attributes to nobody', () => {
  assert.equal(new Contexts({ serves: true, own: () => undefined }).attribute({}).method, 'none');
});

test('the handle wins over everything, and only while its context is open', () => {
  const contexts = table();
  const alice = contexts.open({ ...person('alice'), traceparent: TRACE_A, cause: 'event-a' })!;
  contexts.open({ ...person('bob'), traceparent: TRACE_B, cause: 'event-b' });
  const attribution = contexts.attribute({ handle: alice, traceparent: TRACE_B });
  assert.deepEqual([attribution.method, attribution.identity?.root.name, attribution.cause], ['handle', 'alice', 'event-a']);
  contexts.close(alice);
  assert.deepEqual(contexts.attribute({ handle: alice }).method, 'serialized');
});

test('a trace that matches one open context attributes; one that matches two does not', () => {
  const contexts = table();
  contexts.open({ ...person('alice'), traceparent: TRACE_A, cause: 'a' });
  contexts.open({ ...person('bob'), traceparent: TRACE_B, cause: 'b' });
  assert.equal(contexts.attribute({ traceparent: TRACE_B }).identity?.root.name, 'bob');
  contexts.open({ ...person('mallory'), traceparent: TRACE_B, cause: 'm' });
  assert.equal(contexts.attribute({ traceparent: TRACE_B }).method, 'ambiguous');
});

test('exactly one open context is serialized, also with an unknown trace', () => {
  const contexts = table();
  contexts.open({ ...person('alice'), traceparent: undefined, cause: 'a' });
  assert.equal(contexts.attribute({ traceparent: TRACE_B }).method, 'serialized');
});

test('one root behind all open contexts is certain of the person and tells the launches', () => {
  const contexts = table();
  contexts.open({ ...person('alice', 'one'), traceparent: undefined, cause: 'a' });
  contexts.open({ ...person('alice', 'two'), traceparent: undefined, cause: 'b' });
  const attribution = contexts.attribute({});
  assert.equal(attribution.method, 'same_root');
  assert.equal(attribution.identity?.root.name, 'alice');
  assert.deepEqual(attribution.candidates, [
    { root: 'alice', launch: 'one' },
    { root: 'alice', launch: 'two' },
  ]);
});

test('several people are ambiguous, with every candidate and no identity', () => {
  const contexts = table();
  contexts.open({ ...person('alice'), traceparent: undefined, cause: 'a' });
  contexts.open({ ...person('bob'), traceparent: undefined, cause: 'b' });
  const attribution = contexts.attribute({});
  assert.deepEqual([attribution.method, attribution.identity, attribution.token], ['ambiguous', undefined, undefined]);
  assert.deepEqual(
    attribution.candidates?.map(({ root }) => root),
    ['alice', 'bob'],
  );
});

test('the same subject of two issuers is two people', () => {
  const contexts = table();
  const other = person('alice', 'elsewhere');
  other.identity.root.iss = 'https://other';
  contexts.open({ ...person('alice'), traceparent: undefined, cause: 'a' });
  contexts.open({ ...other, traceparent: undefined, cause: 'b' });
  assert.equal(contexts.attribute({}).method, 'ambiguous');
});

test('a request that proved nothing keeps another from being the only one', () => {
  const contexts = table();
  const nobody = { identity: undefined, token: undefined, traceparent: TRACE_B, cause: 'n' };
  const handle = contexts.open(nobody)!;
  assert.deepEqual([contexts.attribute({}).method, contexts.attribute({}).cause], ['none', 'n']);
  contexts.open({ ...person('alice'), traceparent: TRACE_A, cause: 'a' });
  assert.deepEqual([contexts.attribute({}).method, contexts.attribute({}).identity], ['ambiguous', undefined]);
  assert.deepEqual(contexts.attribute({}).candidates, [{ root: 'alice', launch: 'launch-of-alice' }]);
  assert.equal(contexts.attribute({ handle }).method, 'none');
  assert.equal(contexts.attribute({ traceparent: TRACE_B }).method, 'none');
  assert.equal(contexts.attribute({ traceparent: TRACE_A }).identity?.root.name, 'alice');
});

test('open contexts and candidates have limits', () => {
  const contexts = table();
  for (let index = 0; index < MAX_OPEN_CONTEXTS; index += 1) {
    assert.ok(contexts.open({ ...person(`p${index}`), traceparent: undefined, cause: 'c' }));
  }
  assert.equal(contexts.open({ ...person('one-more'), traceparent: undefined, cause: 'c' }), undefined);
  assert.equal(contexts.attribute({}).candidates?.length, MAX_CANDIDATES);
});
