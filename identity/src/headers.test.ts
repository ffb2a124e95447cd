import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIdentityHeader } from './headers.js';

test('every header that carries identity is told, and no other', () => {
  const identity = [
    'txn-token',
    'cairn-event',
    'cairn-context',
    'impersonate-user',
    'impersonate-group',
    'impersonate-uid',
    'impersonate-extra-scopes',
    'x-forwarded-user',
    'x-remote-user',
    'x-remote-group',
    'x-remote-extra-a',
  ];
  for (const name of identity) assert.ok(isIdentityHeader(name), name);
  const others = [
    'authorization',
    'txn-tokens',
    'x-txn-token',
    'impersonate',
    'x-forwarded-for',
    'traceparent',
    'baggage',
    'x-remotely',
    '',
  ];
  for (const name of others) assert.ok(!isIdentityHeader(name), name);
});
