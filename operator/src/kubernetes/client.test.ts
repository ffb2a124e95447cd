import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from './api-error.js';
import { KubernetesClient } from './client.js';
import { conditionsOf, sameConditions } from './conditions.js';
import { EventRecorder } from './events.js';
import { FakeApi } from './fake-api.js';
import { EVENT_NOTE_CHARACTERS, EVENTS_BURST_COUNT, REQUEST_BYTES } from './limits.js';
import { pathOf, type Resource } from './resource.js';

const PODS: Resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const EVENTS = '/apis/events.k8s.io/v1/namespaces/research/events';
const POD = { namespace: 'research', name: 'planner' };

async function rejection(promise: Promise<unknown>): Promise<ApiError> {
  return promise.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => (assert.ok(error instanceof ApiError), error),
  );
}

test('objects are made, read, changed and deleted', async (t) => {
  const api = await FakeApi.start(t);
  const client = new KubernetesClient(api.config);
  assert.equal(await client.get(PODS, POD), undefined);
  const made = await client.create(PODS, { metadata: { ...POD, labels: { a: '1' } } });
  await client.mergePatch(PODS, POD, { metadata: { labels: { b: '2' } } });
  assert.deepEqual((await client.get(PODS, POD))?.metadata.labels, { a: '1', b: '2' });
  assert.equal((await rejection(client.replace(PODS, made))).reason, 'Conflict');
  assert.equal((await rejection(client.create(PODS, { metadata: POD }))).reason, 'AlreadyExists');
  assert.equal(await client.delete(PODS, POD), true);
  assert.equal(await client.get(PODS, POD), undefined);
  client.close();
});

test('an error says what was asked, why it failed and when to come again', async (t) => {
  const api = await FakeApi.start(t);
  api.fault((_request, response) => {
    response.writeHead(429, { 'retry-after': '7' }).end(JSON.stringify({ reason: 'TooManyRequests', message: 'slow down' }));
    return true;
  });
  const error = await rejection(new KubernetesClient(api.config).get(PODS, POD));
  assert.deepEqual([error.status, error.reason, error.retryAfterSeconds], [429, 'TooManyRequests', 7]);
  assert.equal(error.message, 'GET /api/v1/namespaces/research/pods/planner: slow down (429 TooManyRequests)');
});

test('an answer that does not come ends with the time that was given', async (t) => {
  const api = await FakeApi.start(t);
  const client = new KubernetesClient(api.config);
  api.fault(() => true);
  assert.equal((await rejection(client.get(PODS, POD, { timeoutMs: 20 }))).reason, 'Timeout');
  client.close();
});

test('an answer that is too large or is no JSON has a reason of its own', async (t) => {
  const api = await FakeApi.start(t);
  const client = new KubernetesClient(api.config, { responseBytes: 100 });
  for (const [body, reason] of [
    [`"${'x'.repeat(99)}"`, 'ResponseTooLarge'],
    ['<html>', 'BadResponse'],
  ] as const) {
    api.fault((_request, response) => {
      response.end(body);
      return true;
    });
    assert.equal((await rejection(client.get(PODS, POD))).reason, reason);
  }
  api.fault((_request, response) => {
    response.end(`"${'x'.repeat(98)}"`);
    return true;
  });
  assert.equal(await client.get(PODS, POD), 'x'.repeat(98));
  client.close();
});

test('an object over the limit is not sent', async (t) => {
  const api = await FakeApi.start(t);
  const client = new KubernetesClient(api.config);
  const error = await rejection(client.create(PODS, { metadata: { ...POD, annotations: { a: 'x'.repeat(REQUEST_BYTES) } } }));
  assert.equal(error.reason, 'RequestTooLarge');
  assert.deepEqual(api.requests, []);
  client.close();
});

test('what is under way is aborted with its caller', async (t) => {
  const api = await FakeApi.start(t);
  const client = new KubernetesClient(api.config);
  const stop = new AbortController();
  api.fault(() => {
    stop.abort();
    return true;
  });
  assert.equal((await rejection(client.get(PODS, POD, { signal: stop.signal }))).reason, 'Aborted');
  client.close();
});

test('names stay inside their segment of the path', () => {
  assert.equal(pathOf(PODS, '../kube-system', 'a/b?c'), '/api/v1/namespaces/..%2Fkube-system/pods/a%2Fb%3Fc');
  assert.equal(pathOf({ ...PODS, group: 'cairn.dev', plural: 'approvals' }, undefined), '/apis/cairn.dev/v1/approvals');
});

test('a repeated event becomes a series; different ones of one object are cut beyond a burst', async (t) => {
  const api = await FakeApi.start(t);
  let now = Date.parse('2026-01-01T00:00:00Z');
  const client = new KubernetesClient(api.config);
  const recorder = new EventRecorder(client, { instance: 'cairn-operator-1', clock: () => now });
  const subject = { resource: PODS, metadata: { ...POD, uid: 'u' } };
  const text = { type: 'Warning', reason: 'NotInjected', action: 'Inject', note: 'x'.repeat(EVENT_NOTE_CHARACTERS + 1) } as const;
  for (let n = 0; n < 5; n++) recorder.record(subject, text);
  await recorder.flush();
  const [event] = api.in(EVENTS) as unknown as { note: string; series: { count: number } }[];
  assert.equal(event!.note.length, EVENT_NOTE_CHARACTERS);
  assert.equal(event!.series.count, 2, 'the first repetition is told, those soon after wait');
  now += 60_000;
  recorder.record(subject, text);
  await recorder.flush();
  assert.equal((api.in(EVENTS)[0] as unknown as { series: { count: number } }).series.count, 6);
  for (let n = 0; n < EVENTS_BURST_COUNT + 5; n++) recorder.record(subject, { ...text, note: `note ${n}` });
  await recorder.flush();
  assert.equal(api.in(EVENTS).length, EVENTS_BURST_COUNT);
  assert.equal(recorder.counts.dropped, 6);
  client.close();
});

test('an event that cannot be written is counted and holds up nothing', async (t) => {
  const api = await FakeApi.start(t);
  const client = new KubernetesClient(api.config);
  const recorder = new EventRecorder(client, { instance: 'cairn-operator-1' });
  api.fault((_request, response) => {
    response.writeHead(403).end();
    return true;
  });
  const subject = { resource: PODS, metadata: POD };
  for (const note of ['refused', 'written']) recorder.record(subject, { type: 'Normal', reason: 'Fenced', action: 'Fence', note });
  await recorder.flush();
  assert.deepEqual(recorder.counts, { written: 1, dropped: 1 });
  client.close();
});

test('a condition keeps the time of its last change while its status stays', () => {
  const [before] = conditionsOf(undefined, [{ type: 'Ready', status: 'True', reason: 'Ok', message: 'fine' }], 1, '2026-01-01T00:00:00Z');
  const later = (status: 'True' | 'False') =>
    conditionsOf([before!], [{ type: 'Ready', status, reason: 'Ok', message: 'fine' }], 1, '2026-01-02T00:00:00Z');
  assert.equal(later('True')[0]!.lastTransitionTime, '2026-01-01T00:00:00Z');
  assert.equal(later('False')[0]!.lastTransitionTime, '2026-01-02T00:00:00Z');
  assert.deepEqual([sameConditions([before!], later('True')), sameConditions([before!], later('False'))], [true, false]);
});
