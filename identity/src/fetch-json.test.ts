import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trustedUrl } from './fetch-json.js';

test('keys are fetched by https, and by plain http from names that cannot be elsewhere', () => {
  const good = [
    'https://idp.example.com',
    'http://127.0.0.1:8080',
    'http://[::1]:8080',
    'http://localhost',
    'http://10.1.2.3',
    'http://172.16.0.1',
    'http://192.168.1.1',
    'http://[fd00::1]',
    'http://keycloak.auth.svc',
    'http://keycloak.auth.svc.cluster.local',
  ];
  for (const url of good) assert.equal(trustedUrl(url, 'it').href, new URL(url).href);
  const bad = [
    'http://idp.example.com',
    'http://8.8.8.8',
    'http://172.32.0.1',
    'http://127.0.0.1.example.com',
    'http://10.example.com',
    'http://localhost.example.com',
    'http://fd00.example.com',
    'http://[2001:db8::1]',
    'file:///etc/passwd',
    'data:application/json,{}',
    'not a url',
  ];
  for (const url of bad) assert.throws(() => trustedUrl(url, 'it'), { code: 'unavailable' }, url);
});
