import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTERS } from './limits.js';
import { planCluster } from './plan.js';

test('two clusters of a machine share no address, interface or cgroup', () => {
  const first = planCluster('a', '/checkout/a', 1);
  const second = planCluster('b', '/checkout/b', 2);
  const own = ({ name: _name, index: _index, uplink: _uplink, ...rest }: typeof first) =>
    Object.values(rest).map((value) => JSON.stringify(value));
  const shared = own(first).filter((value) => own(second).includes(value));
  assert.deepEqual(shared, []);
});

test('clusters of one name in two checkouts have cgroups and peers of their own', () => {
  const [here, there] = [planCluster('a', '/here/a', 1), planCluster('a', '/there/a', 1)];
  assert.notEqual(here.cgroup, there.cgroup);
  assert.notEqual(here.peer, there.peer);
});

test('the last index still makes addresses and names that the kernel takes', () => {
  const plan = planCluster('a', '/a', CLUSTERS);
  for (const part of plan.nodeAddress.split('.')) assert.ok(Number(part) < 256);
  for (const name of [plan.interface, plan.peer]) assert.ok(name.length <= 15, name);
});

test('a name of 31 characters is taken, one of 32 refused', () => {
  assert.equal(planCluster('n'.repeat(31), '/a', 1).name.length, 31);
  assert.throws(() => planCluster('n'.repeat(32), '/a', 1), /no name for a cluster/);
  for (const name of ['', '-a', '../a', 'a b', 'A']) assert.throws(() => planCluster(name, '/a', 1), /no name for a cluster/);
});
