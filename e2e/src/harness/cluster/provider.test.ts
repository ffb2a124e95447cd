import assert from 'node:assert/strict';
import { test } from 'node:test';
import { providerFor, type Machine } from './provider.js';

const BARE: Machine = { platform: 'linux', root: false, kind: false, kubeconfig: undefined };
const rows: [string, Partial<Machine>, string][] = [
  ['root on Linux', { root: true }, 'node'],
  ['root on Linux beside kind', { root: true, kind: true }, 'node'],
  ['kind without root', { kind: true }, 'kind'],
  ['kind on macOS', { platform: 'darwin', root: true, kind: true }, 'kind'],
  ['a kubeconfig, before everything else', { root: true, kind: true, kubeconfig: '/k' }, 'given'],
  ['neither', {}, 'none'],
  ['root on macOS', { platform: 'darwin', root: true }, 'none'],
];

for (const [machine, differs, by] of rows) {
  test(`${machine}: ${by}`, () => assert.equal(providerFor({ ...BARE, ...differs }).by, by));
}

test('a machine that can make none is told what to do', () => {
  const provider = providerFor(BARE);
  assert.match(provider.by === 'none' ? provider.problem : '', /root on Linux, or kind .*, or CLUSTER_KUBECONFIG=/);
});
