import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import type { OpenedBody } from '@cairn/ledger';
import { bodyJson, bodyLines } from './body.js';

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

/** The Secret `s` with `{a: 'secret'}` as its data, in protobuf. */
const SECRET = Buffer.from('k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x12\x0a\x03\x0a\x01s\x12\x0b\x0a\x01a\x12\x06secret', 'latin1');
const protobuf = (bytes: Buffer): OpenedBody => ({ bytes, type: 'application/vnd.kubernetes.protobuf', truncated: false });

test("Kubernetes' protobuf is shown as JSON, and masked as JSON is", async () => {
  const shown = async (unmask: boolean): Promise<string> =>
    (await bodyLines(protobuf(SECRET), event('$..data'), { unmask, part: 'response' })).join('\n');
  assert.match(await shown(true), /^\{\n {2}"kind": "Secret",[^]*"a": "c2VjcmV0"/);
  assert.match(await shown(false), /"name": "s"[^]*"data": "\*\*\*"/);
  assert.deepEqual((await bodyJson(protobuf(SECRET), event())).values, [
    { kind: 'Secret', apiVersion: 'v1', metadata: { name: 's' }, data: { a: 'c2VjcmV0' } },
  ]);
  const broken = await bodyLines(protobuf(SECRET.subarray(0, -1)), event(), { unmask: true, part: 'response' });
  assert.match(
    broken.join('\n'),
    /^\(\d+ bytes of application\/vnd\.kubernetes\.protobuf, SHA-256 [0-9a-f]{64}, are not shown: it is broken: .*\)$/,
  );
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
