import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEvent } from './event.js';
import { parseEvent } from './parse.js';
import { eventSchema, validateEvent } from './schema.js';
import { testAuthority, writeLog } from './testing/log.js';

/** Kept equal to the type by the compiler, and to the schema below. */
const MEMBERS: Record<keyof AuditEvent, true> = {
  id: true,
  time: true,
  stage: true,
  root: true,
  launch: true,
  attribution: true,
  agent: true,
  session: true,
  cause: true,
  protocol: true,
  target: true,
  operation: true,
  request: true,
  response: true,
  decision: true,
  masked: true,
  trace: true,
  seal: true,
  gap: true,
  close: true,
  stream: true,
  integrity: true,
};

const uuid = '0192f000-0000-7000-8000-000000000000';
const hash = 'a'.repeat(64);
const body = { size: 3, sha256: hash, payload: [{ record: 0, offset: 0, length: 3, type: 'text/plain' }], truncated: true };
const operation = { verb: 'SELECT', resource: 'public.orders', effect: 'read', parameters: { '1': null } } as const;

const full: Required<AuditEvent> = {
  id: uuid,
  time: '2026-11-22T08:00:00.123456789Z',
  stage: 'complete',
  root: { iss: 'https://idp.example.com', sub: '1', name: 'alice@example.com', groups: ['analysts'], authn: 'oidc' },
  launch: { id: uuid, chain: uuid, parent: uuid, depth: 2, path: ['research/planner', 'research/researcher'] },
  attribution: { method: 'ambiguous', candidates: [{ root: 'alice', launch: uuid }] },
  agent: { name: 'planner', namespace: 'research', pod: 'planner-0', uid: 'u', node: 'n' },
  session: { id: uuid, seq: 1, direction: 'outbound' },
  cause: uuid,
  protocol: 'postgres',
  target: { name: 'orders', host: 'orders.data.svc', port: 5432 },
  operation: { ...operation, statement: 'SELECT 1', others: [operation] },
  request: body,
  response: { ...body, status: '00000', rows: 1, columns: [{ name: 'id', type: 'int4' }], duration: 1.25, error: 'none' },
  decision: {
    action: 'RequireApproval',
    policy: 'p',
    rule: 'r',
    reason: 'x',
    approval: { id: 'a', state: 'Approved', approvers: ['bob'] },
  },
  masked: [{ path: 'email', rule: 'contacts', count: 2 }],
  trace: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  seal: { record: 0, size: 19, sha256: hash },
  gap: { count: 1, reason: 'disk-full' },
  close: { reason: 'drain' },
  stream: { certificate: 'a.b.c', sealing: { kid: 'k', enc: 'e' } },
  integrity: { hash, prev: hash, seq: 0, stream: uuid },
};

test('the schema knows the members of the type and no others', () => {
  assert.deepEqual(Object.keys(eventSchema()['properties'] as object).toSorted(), Object.keys(MEMBERS).toSorted());
});

test('an event with every member conforms', () => {
  assert.deepEqual(validateEvent(full), []);
});

test('events of a real stream conform', async () => {
  const log = await writeLog(await testAuthority(), 2);
  for (const line of log.lines) assert.deepEqual(validateEvent(parseEvent(line)), []);
});

test('unknown members, wrong types and missing members are told with their place', () => {
  assert.match(validateEvent({ ...full, extra: 1 }).join(), /additional properties/);
  assert.match(validateEvent({ ...full, response: { ...full.response, extra: 1 } }).join(), /\/response .*unevaluated properties/);
  assert.match(validateEvent({ ...full, operation: { ...full.operation, effect: 'maybe' } }).join(), /\/operation\/effect/);
  assert.match(validateEvent({ ...full, time: '2026-11-22 08:00' }).join(), /\/time/);
  assert.match(validateEvent({ ...full, stage: 'seal', seal: undefined }).join(), /seal/);
  assert.notDeepEqual(validateEvent(null), []);
});
