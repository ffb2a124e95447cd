import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenCache } from './token-cache.js';

test('the cache holds its limit and forgets what was not used longest', () => {
  const cache = new TokenCache<number>(3);
  for (const number of [1, 2, 3]) cache.set(TokenCache.key(`token ${number}`), number, 100);
  assert.equal(cache.size, 3);
  assert.equal(cache.get(TokenCache.key('token 1'), 0), 1);
  cache.set(TokenCache.key('token 4'), 4, 100);
  assert.equal(cache.size, 3);
  assert.equal(cache.get(TokenCache.key('token 2'), 0), undefined);
  assert.equal(cache.get(TokenCache.key('token 1'), 0), 1);
});

test('an entry ends at its expiry, and the cache keeps no token', () => {
  const cache = new TokenCache<number>(3);
  const key = TokenCache.key('secret token');
  cache.set(key, 1, 100);
  assert.equal(cache.get(key, 99), 1);
  assert.equal(cache.get(key, 100), undefined);
  assert.equal(cache.size, 0);
  assert.ok(!key.includes('secret'));
});
