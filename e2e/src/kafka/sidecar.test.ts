/** A real sidecar in front of a real server ships to a real broker; what `delivery: Strict` waits for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TOPICS, type AuditEvent, type CertificateTrust } from '@cairn/audit';
import { ingestKafka, openLedger, verifyLedger } from '@cairn/ledger';
import { applyTopics } from '@cairn/sidecar';
import { ProxyAgent, request } from 'undici';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { startKafka, type KafkaBroker } from '../harness/kafka.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';
import { consumeUntil } from './consume.js';

const POLICY = `apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: strict, namespace: research}
spec:
  selector: {matchLabels: {kafka: strict}}
  identity: {required: false}
  targets:
  - {name: crm, protocol: http, hosts: [crm.internal], port: 80}
  rules:
  - {name: payments, match: {targets: [crm], resources: [/payments]}, action: Allow, level: Metadata, delivery: Strict}
  default: {action: Allow, level: RequestResponse}
`;

let kafka: KafkaBroker;
let plane: ControlPlane;
let sidecar: Sidecar;
let proxy: ProxyAgent;
/** Paths that reached the target. */
const reached: string[] = [];
const target = createServer((incoming, response) => {
  reached.push(incoming.url!);
  response.end('{}');
});

before(async () => {
  kafka = await startKafka();
  await applyTopics({ brokers: [kafka.plaintext] }, { partitions: 2, replicationFactor: 1, retentionDays: 1 }, true);
  plane = await startControlPlane(POLICY);
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  sidecar = await startSidecar({
    plane,
    labels: { kafka: 'strict' },
    resolve: { 'crm.internal:80': `127.0.0.1:${(target.address() as AddressInfo).port}` },
    env: { CAIRN_KAFKA_BROKERS: kafka.plaintext },
  });
  proxy = new ProxyAgent({ uri: sidecar.proxyUrl, proxyTunnel: false });
});
after(async () => {
  await proxy.close();
  await sidecar.stop();
  await plane.stop();
  target.closeAllConnections();
  target.close();
  await kafka.stop();
});

async function get(path: string): Promise<number> {
  const { statusCode, body } = await request(`http://crm.internal${path}`, { dispatcher: proxy });
  await body.dump();
  return statusCode;
}

test('what an agent does stands in Kafka, intent and outcome, keyed by its chain', async () => {
  assert.equal(await get('/contacts'), 200);
  const messages = await consumeUntil(
    kafka.plaintext,
    TOPICS.events,
    ({ value }) => (JSON.parse(String(value)) as AuditEvent).stage === 'complete',
  );
  const events = messages.map(({ key, value }) => ({ key: String(key), event: JSON.parse(String(value)) as AuditEvent }));
  const [intent, complete] = ['intent', 'complete'].map((stage) => events.find(({ event }) => event.stage === stage)!);
  assert.equal(intent!.event.operation?.verb, 'GET');
  assert.equal(intent!.key, intent!.event.launch!.chain);
  assert.equal(complete!.event.cause, intent!.event.id);
});

test('Strict: a request reaches its target only after Kafka has its intent', async () => {
  await kafka.kill();
  assert.equal(await get('/contacts?with=the-broker-gone'), 200, 'Durable work goes on');
  const paying = get('/payments');
  await sidecar.eventsWhen((events) => events.some(({ operation }) => operation?.resource === '/payments'));
  assert.equal(await get('/contacts?after=the-payment'), 200);
  assert.equal(reached.includes('/payments'), false, 'its intent is written, but not acknowledged');
  await kafka.restart();
  assert.equal(await paying, 200);
  assert.ok(reached.includes('/payments'));
});

test('Strict: a request is refused when Kafka stays away, and the trail says so', async () => {
  await kafka.kill();
  assert.equal(await get('/payments?while=the-broker-is-gone'), 503);
  assert.equal(reached.includes('/payments?while=the-broker-is-gone'), false);
  assert.equal(await get('/contacts?after=the-refusal'), 200);
  const events = await sidecar.eventsWhen((all) => all.some(({ response }) => response?.status === '503'));
  const refused = events.find(({ stage, response }) => stage === 'complete' && response?.status === '503');
  assert.equal(refused?.response?.error, 'no-evidence');
  assert.match(sidecar.log.at(-1) ?? '', /"evidence does not reach Kafka and waits in the spool","code":"unreachable"/);
  await kafka.restart();
});

test('a ledger that knows nothing but Kafka verifies the whole stream, bodies and its end included', async (t) => {
  const written = sidecar.events().length;
  await sidecar.stop({ keep: true });
  const folder = await mkdtemp(join(tmpdir(), 'cairn-kafka-ledger-'));
  const ledger = openLedger(join(folder, 'ledger'), { create: true });
  t.after(async () => {
    ledger.close();
    await rm(folder, { recursive: true });
  });
  await ingestKafka(ledger, { connection: { brokers: [kafka.plaintext] }, until: 'end' }, new AbortController().signal);
  const { issuer, jwksUri } = plane.service.tokenService();
  const jwks = (await (await fetch(jwksUri)).json()) as CertificateTrust['jwks'];
  const report = await verifyLedger(ledger, { trust: { issuer, jwks } });
  assert.deepEqual(report.integrity.findings, []);
  assert.equal(report.integrity.held, true);
  assert.ok(ledger.size() > written, 'stream.close came too');
  const [complete] = [...ledger.query({})].filter(({ event }) => event.response?.payload);
  const { record } = complete!.event.response!.payload![0]!;
  assert.ok(ledger.payload(complete!.event.integrity.stream, record), 'the sealed body is there');
});
