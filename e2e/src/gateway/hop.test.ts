/** Strict mode: a sidecar hands over, the gateway reads, decides, presents the credential and records, for the right launch. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { Client } from 'pg';
import { DEPLOYER } from '../harness/control-plane.js';
import { askThrough } from '../harness/http-sink.js';
import type { Sidecar } from '../harness/sidecar.js';
import { BEARER, startStand, type Stand } from './stand.js';

let stand: Stand;
let sidecar: Sidecar;

before(async () => {
  stand = await startStand(1);
  sidecar = await stand.sidecar('planner');
});

after(async () => {
  await sidecar?.stop();
  await stand?.stop();
});

const completed =
  (resource: string) =>
  (events: AuditEvent[]): boolean =>
    events.some(({ stage, operation }) => stage === 'complete' && operation?.resource === resource);

test('an HTTP request reaches its target with the credential that the gateway alone holds, and is recorded there for the agent', async () => {
  const answer = await askThrough(sidecar.proxyPort, 'http://web.internal/hello');
  assert.deepEqual([answer.status, answer.body], [200, 'done /hello']);
  assert.equal(stand.web.asked.at(-1)!.headers.authorization, `Bearer ${BEARER}`);
  const events = await stand.gateways[0]!.eventsWhen(completed('/hello'));
  const intent = events.find(({ stage, operation }) => stage === 'intent' && operation?.resource === '/hello')!;
  assert.deepEqual(
    [intent.agent.name, intent.agent.namespace, intent.agent.pod, intent.root?.name, intent.attribution?.method, intent.decision?.action],
    ['planner', 'research', 'planner-0', DEPLOYER.name, 'pod_launch', 'Allow'],
  );
  const handedOver = sidecar.events().find(({ id }) => id === intent.cause)!;
  assert.deepEqual(
    [handedOver.stage, handedOver.operation?.verb, handedOver.operation?.resource],
    ['intent', 'CONNECT', 'web.internal:80'],
  );
  assert.equal(handedOver.launch?.id, intent.launch?.id);
});

test('one kept connection of an HTTP client goes to several targets, each routed anew', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (const [index, host] of ['web', 'other', 'web', 'other'].entries()) {
    const answer = await askThrough(sidecar.proxyPort, `http://${host}.internal/${index}`, { agent });
    assert.deepEqual([answer.status, answer.body], [200, `done /${index}`]);
    assert.equal(stand.web.asked.at(-1)!.headers.authorization, host === 'web' ? `Bearer ${BEARER}` : undefined);
  }
  agent.destroy();
});

test('a large body passes whole in both directions', async () => {
  const body = 'x'.repeat(3_000_000);
  const answer = await askThrough(sidecar.proxyPort, 'http://web.internal/large', { body });
  assert.equal(answer.status, 200);
  const events = await stand.gateways[0]!.eventsWhen(completed('/large'));
  const done = events.find(({ stage, operation }) => stage === 'complete' && operation?.resource === '/large')!;
  assert.equal(done.request?.size, body.length);
});

test('what no policy declares is refused by the gateway, which records it', async () => {
  const answer = await askThrough(sidecar.proxyPort, 'http://elsewhere.internal/');
  assert.equal(answer.status, 403);
  assert.match(answer.body, /elsewhere\.internal:80/);
  const events = await stand.gateways[0]!.eventsWhen(completed('elsewhere.internal:80'));
  assert.ok(events.some(({ operation, decision }) => operation?.resource === 'elsewhere.internal:80' && decision?.action === 'Deny'));
});

test('psql statements are decided, recorded with their rows, and run as the role that the gateway presents', async () => {
  const client = new Client({ host: '127.0.0.1', port: sidecar.targetPort('orders'), user: 'anybody', database: 'postgres' });
  await client.connect();
  const { rows } = await client.query('select current_user as who, $1::int as number', [42]);
  assert.deepEqual(rows, [{ who: 'agent_role', number: 42 }]);
  await assert.rejects(client.query('drop table nothing'), { message: /denied by policy/, detail: /schema changes go through migrations/ });
  await client.end();
  const events = await stand.gateways[0]!.eventsWhen((all) =>
    all.some(({ operation, decision }) => operation?.verb === 'DROP' && decision?.action === 'Deny'),
  );
  const select = events.find(
    ({ stage, operation, protocol }) => stage === 'complete' && protocol === 'postgres' && operation?.verb === 'SELECT',
  );
  assert.equal(select?.response?.rows, 1);
  assert.equal(select?.agent.name, 'planner');
});

test('an agent may speak TLS to the listener in its own pod, by the name localhost', async () => {
  const ca = readFileSync(join(sidecar.agentFolder, 'ca.crt'), 'utf8');
  const port = sidecar.targetPort('orders');
  const client = new Client({ host: 'localhost', port, user: 'anybody', database: 'postgres', ssl: { ca, servername: 'localhost' } });
  await client.connect();
  const { rows } = await client.query('select current_user as who');
  assert.deepEqual(rows, [{ who: 'agent_role' }]);
  await client.end();
});

test('the sidecar holds neither credential, and its own record of the hand-over is complete', async () => {
  const events = await sidecar.eventsWhen((all) =>
    all.some(({ stage, operation }) => stage === 'complete' && operation?.resource === 'orders.internal:5432'),
  );
  const done = events.find(({ stage, operation }) => stage === 'complete' && operation?.resource === 'orders.internal:5432')!;
  assert.ok((done.request?.size ?? 0) > 0 && (done.response?.size ?? 0) > 0);
  assert.equal(done.response?.status, 'closed');
  assert.ok(!JSON.stringify([events, sidecar.log]).includes(BEARER));
});
