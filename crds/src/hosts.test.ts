import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalHost, hostMistake } from './hosts.js';

test('one host has one spelling', () => {
  assert.equal(canonicalHost('Orders.Data.SVC.'), 'orders.data.svc');
  assert.equal(canonicalHost('[2001:DB8:0:0::1]'), '2001:db8::1');
  assert.equal(canonicalHost('::ffff:10.0.0.1'), '10.0.0.1');
  assert.equal(canonicalHost('fe80::1%eth0'), 'fe80::1');
  assert.equal(canonicalHost('10.0.0.1'), '10.0.0.1');
});

for (const good of ['orders', 'orders.data.svc', 'a_b.example.com.', '10.0.0.1', '2001:db8::1', 'x'.repeat(63)]) {
  test(`${good} is a host`, () => assert.equal(hostMistake(good), undefined));
}

for (const bad of ['orders:5432', 'https://x', '10.0.0.256', '1.2.3', 'a..b', '.a', '-a.b', '*.example.com', 'x'.repeat(64), '[::1]', '']) {
  test(`${JSON.stringify(bad)} is no host`, () => assert.notEqual(hostMistake(bad), undefined));
}
