import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podUri, readPodUri, type PodBinding } from './pod-certificate.js';

const BINDING: PodBinding = {
  pod: { namespace: 'research', name: 'planner-0', uid: '6a0f2f7e-3a52-4dd8-9f0e-1d4c7c2c2a11' },
  agent: 'planner',
  policy: 'research',
};

test('what a certificate binds is read from it as it was written, with a node and without', () => {
  assert.deepEqual(readPodUri(podUri(BINDING)), BINDING);
  const placed = { ...BINDING, node: 'node-1.example' };
  assert.deepEqual(readPodUri(podUri(placed)), placed);
});

for (const [what, uri] of [
  ['another trust domain', podUri(BINDING).replace('cairn.dev', 'cairn.example')],
  ['a segment more', `${podUri(BINDING)}/more`],
  ['an empty segment', podUri({ ...BINDING, agent: '' })],
  ['a segment that holds a separator', podUri({ ...BINDING, agent: 'a/policy/b' })],
  ['a segment over 253 characters', podUri({ ...BINDING, agent: 'a'.repeat(254) })],
  ['something before it', ` ${podUri(BINDING)}`],
] as const) {
  test(`a URI with ${what} binds nothing`, () => assert.equal(readPodUri(uri), undefined));
}
