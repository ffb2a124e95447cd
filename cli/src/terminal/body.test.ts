import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { bodyLines } from './body.js';

const APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const body = {
  bytes: Buffer.from(JSON.stringify({ data: { a: 'secret' }, annotations: { [APPLIED]: 'secret', note: 'shown' } })),
  type: 'application/json',
  truncated: false,
};
const event = (...paths: string[]): AuditEvent =>
  ({ masked: paths.map((path) => ({ path, rule: 'r', count: 1 })) }) as Partial<AuditEvent> as AuditEvent;

test('what was masked on the wire stays hidden unless it is asked for, by whatever form its path has', async () => {
  const masked = event('$..data', `$..['${APPLIED}']`);
  const hidden = (await bodyLines(body, masked, { unmask: false, part: 'response' })).join('\n');
  assert.match(hidden, /shown/);
  assert.doesNotMatch(hidden, /secret/);
  assert.match((await bodyLines(body, masked, { unmask: true, part: 'response' })).join('\n'), /secret/);
  const partly = (await bodyLines(body, event('/people/0/data'), { unmask: false, part: 'response' })).join('\n');
  assert.equal(partly.match(/secret/g)!.length, 1);
});

test('a terminal session is told to its end, however long it was', async () => {
  const typed = Array.from({ length: 1000 }, (_, index) => `[0.1,"i","${index}"]`);
  const session = {
    bytes: Buffer.from([...typed, '[0.1,"x","7"]'].join('\n')),
    type: 'application/x-asciicast; version=3',
    truncated: false,
  };
  const lines = await bodyLines(session, event(), { unmask: false, part: 'response' });
  assert.deepEqual([lines.length, lines[999], lines[1000]], [1001, '+0.100 s typed "999"', '+0.100 s exit 7']);
});
