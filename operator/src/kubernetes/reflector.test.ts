import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { KubernetesClient } from './client.js';
import { FakeApi } from './fake-api.js';
import { LineReader, LineTooLong } from './lines.js';
import { Reflector, type ReflectorOptions } from './reflector.js';
import type { ApiObject, Resource } from './resource.js';

interface Pod extends ApiObject {
  note?: string;
}

const PODS: Resource<Pod> = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const PATH = '/api/v1/pods';

function pod(name: string, note = 'first'): Pod {
  return { metadata: { name, namespace: 'research', managedFields: [{}] }, note };
}

/** Resolves once the condition holds; the test's own time limit ends it otherwise. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

interface Watched {
  api: FakeApi;
  reflector: Reflector<Pod>;
  /** What handlers were told, in order. */
  told: string[];
  notes: () => string[];
}

async function reflect(
  t: TestContext,
  options: ReflectorOptions<Pod> = {},
  prepare: (api: FakeApi) => void = () => undefined,
): Promise<Watched> {
  const api = await FakeApi.start(t);
  prepare(api);
  const client = new KubernetesClient(api.config);
  const reflector = new Reflector(client, PODS, { restart: { firstMs: 2, mostMs: 10 }, ...options });
  const told: string[] = [];
  reflector.subscribe({
    added: ({ metadata }) => void told.push(`+${metadata.name}`),
    updated: ({ metadata, note }, previous) => void told.push(`${metadata.name}:${previous.note}>${note}`),
    deleted: ({ metadata }) => void told.push(`-${metadata.name}`),
    synced: () => void told.push('synced'),
  });
  t.after(async () => {
    await reflector.stop();
    client.close();
  });
  reflector.start();
  return { api, reflector, told, notes: () => [...reflector.store.all()].map(({ metadata, note }) => `${metadata.name}=${note}`) };
}

async function watching(watched: Watched): Promise<Watched> {
  await until(() => watched.api.watches === 1 && watched.reflector.synced);
  return watched;
}

test('what is there is listed page by page, what changes then is told in order', async (t) => {
  const prepare = (api: FakeApi): void => void Array.from({ length: 501 }, (_, n) => api.put(PATH, pod(`p${n}`)));
  const { api, reflector, told } = await watching(await reflect(t, {}, prepare));
  assert.equal(reflector.store.size, 501);
  assert.equal(api.requests.filter((request) => request === `GET ${PATH}`).length, 2, 'two pages');
  assert.equal(told.at(-1), 'synced');
  told.length = 0;
  api.put(PATH, pod('p0', 'second'));
  api.remove(PATH, 'p1');
  api.put(PATH, pod('new'));
  await until(() => told.length === 3);
  assert.deepEqual(told, ['p0:first>second', '-p1', '+new']);
  assert.equal(reflector.store.get({ namespace: 'research', name: 'p0' })?.metadata.managedFields, undefined);
});

test('a list whose continuation grew too old is read whole', async (t) => {
  const { api, reflector } = await reflect(t, {}, (fake) => {
    for (let n = 0; n < 501; n++) fake.put(PATH, pod(`p${n}`));
    fake.fault((request, response) => {
      if (!request.query.has('continue')) return false;
      response.writeHead(410).end('{"reason":"Expired"}');
      return true;
    });
  });
  await until(() => reflector.synced);
  assert.equal(reflector.store.size, 501);
  assert.equal(reflector.counts.failures, 0);
  assert.ok(api.requests.length >= 3);
});

test('after 500, 403 and no JSON at all the list is tried again', async (t) => {
  const { reflector, told } = await reflect(t, {}, (fake) => {
    fake.put(PATH, pod('a'));
    for (const [status, body] of [
      [500, 'a page of a proxy'],
      [403, '{"reason":"Forbidden"}'],
      [200, 'not json'],
    ] as const) {
      fake.fault((_request, response) => {
        response.writeHead(status).end(body);
        return true;
      });
    }
  });
  await until(() => reflector.synced);
  assert.deepEqual(told, ['+a', 'synced']);
  assert.equal(reflector.counts.failures, 3);
});

test('a watch that is reset resumes where it broke', async (t) => {
  const { api, told, reflector } = await watching(await reflect(t));
  api.put(PATH, pod('a'));
  await until(() => told.includes('+a'));
  api.resetWatches();
  api.put(PATH, pod('b'));
  await until(() => told.includes('+b'));
  assert.deepEqual(told, ['synced', '+a', '+b']);
  assert.equal(reflector.counts.lists, 1, 'not listed again');
});

test('a watch that breaks in the middle of an event gets it again', async (t) => {
  const { api, told } = await watching(await reflect(t));
  api.sendRaw('{"type":"ADDED","object":{"metadata":{"name":"half","resour');
  api.resetWatches();
  api.put(PATH, pod('whole'));
  await until(() => told.includes('+whole'));
  assert.deepEqual(told, ['synced', '+whole']);
});

test('objects deleted, made anew and changed behind a compaction are found by the next list', async (t) => {
  const { api, told, notes, reflector } = await watching(
    await reflect(t, {}, (fake) => ['gone', 'again', 'kept', 'other'].forEach((name) => fake.put(PATH, pod(name)))),
  );
  // Refused while the changes happen, so that the watch cannot resume in between.
  api.fault((request, response) => {
    if (!request.query.has('watch')) return false;
    api.remove(PATH, 'gone');
    api.remove(PATH, 'again');
    api.put(PATH, pod('again', 'second'));
    api.put(PATH, pod('kept', 'second'));
    api.put(PATH, pod('new'));
    api.compact();
    response.socket?.resetAndDestroy();
    return true;
  });
  told.length = 0;
  api.resetWatches();
  await until(() => reflector.counts.lists === 2);
  assert.deepEqual(told.toSorted(), ['+again', '+new', '-again', '-gone', 'kept:first>second']);
  assert.ok(told.indexOf('-again') < told.indexOf('+again'));
  assert.deepEqual(notes().toSorted(), ['again=second', 'kept=second', 'new=first', 'other=first']);
});

test('an expiry told inside the watch lists again', async (t) => {
  const { api, reflector } = await watching(await reflect(t));
  api.sendRaw('{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n');
  await until(() => reflector.counts.lists === 2);
});

test('a bookmark moves the place to resume from', async (t) => {
  const { api, reflector, told } = await watching(await reflect(t));
  // Of another resource: only the bookmark tells of its version.
  api.put('/api/v1/secrets', { metadata: { name: 'elsewhere' } });
  api.bookmark();
  api.put(PATH, pod('a'));
  await until(() => told.includes('+a'));
  api.put('/api/v1/secrets', { metadata: { name: 'elsewhere' } });
  api.bookmark();
  api.compact();
  api.endWatches();
  api.put(PATH, pod('b'));
  await until(() => told.includes('+b'));
  assert.equal(reflector.counts.lists, 1);
});

test('a silent connection counts as half-open and is replaced', async (t) => {
  const { api, reflector, told } = await watching(await reflect(t, { watchIdleMs: 30 }));
  await until(() => reflector.counts.watches >= 2 && api.watches === 1);
  api.put(PATH, pod('a'));
  await until(() => told.includes('+a'));
  assert.equal(reflector.counts.lists, 1);
});

test('staleness begins infinite, is small while the server speaks and grows while it does not', async (t) => {
  const { reflector, api } = await reflect(t);
  await watching({ api, reflector, told: [], notes: () => [] });
  assert.ok(reflector.stalenessSeconds < 5);
  api.server.close();
  api.resetWatches();
  const before = reflector.stalenessSeconds;
  await until(() => reflector.counts.failures >= 3);
  assert.ok(reflector.stalenessSeconds > before);
  assert.equal(new Reflector(reflector.client, PODS).stalenessSeconds, Number.POSITIVE_INFINITY);
});

test('an event over the limit is not buffered: the state is listed instead', async (t) => {
  const { api, reflector, notes } = await watching(await reflect(t, { watchLineBytes: 1000 }));
  api.put(PATH, pod('huge', 'x'.repeat(1000)));
  await until(() => notes().length === 1);
  assert.equal(reflector.counts.lists, 2);
});

test('one object more than the store holds leaves the reflector unsynced and says so', async (t) => {
  const said: string[] = [];
  const { reflector } = await reflect(t, { objectsCount: 2, log: ({ message }) => void said.push(message) }, (api) =>
    ['a', 'b', 'c'].forEach((name) => api.put(PATH, pod(name))),
  );
  await until(() => reflector.counts.failures >= 2);
  assert.equal(reflector.synced, false);
  assert.match(said[0]!, /more than 2 objects/);
});

test('exactly as many objects as the store holds are kept', async (t) => {
  const { reflector } = await reflect(t, { objectsCount: 2 }, (api) => ['a', 'b'].forEach((name) => api.put(PATH, pod(name))));
  await until(() => reflector.synced);
  assert.equal(reflector.store.size, 2);
});

test('a handler that throws costs nobody else the event', async (t) => {
  const { api, reflector, told } = await watching(await reflect(t));
  reflector.subscribe({
    added: () => {
      throw new Error('broken');
    },
  });
  const late: string[] = [];
  reflector.subscribe({ added: ({ metadata }) => void late.push(metadata.name!) });
  api.put(PATH, pod('a'));
  await until(() => late.length === 1);
  assert.ok(told.includes('+a'));
});

test('a handler that comes late hears of what is there first', async (t) => {
  const { reflector } = await watching(await reflect(t, {}, (api) => void api.put(PATH, pod('a'))));
  const told: string[] = [];
  reflector.subscribe({ added: ({ metadata }) => void told.push(metadata.name!), synced: () => void told.push('synced') });
  assert.deepEqual(told, ['a', 'synced']);
});

test('objects are found by namespace and by index, also after they changed', async (t) => {
  const { api, reflector } = await watching(
    await reflect(t, { indexes: { note: ({ note }) => note } }, (fake) => void fake.put(PATH, pod('a'))),
  );
  assert.equal(reflector.store.by('note', 'first').length, 1);
  api.put(PATH, pod('a', 'second'));
  await until(() => reflector.store.by('note', 'second').length === 1);
  assert.equal(reflector.store.by('note', 'first').length, 0);
  assert.equal(reflector.store.inNamespace('research').length, 1);
  assert.equal(reflector.store.inNamespace('other').length, 0);
});

test('after stop nothing is asked any more', async (t) => {
  const { api, reflector } = await watching(await reflect(t));
  const closed = once(api.server, 'connection').catch(() => undefined);
  await reflector.stop();
  await until(() => api.watches === 0);
  const asked = api.requests.length;
  api.put(PATH, pod('late'));
  assert.equal(reflector.store.size, 0);
  assert.equal(api.requests.length, asked);
  void closed;
});

test('events split at every byte are the same events', () => {
  const text = `${JSON.stringify({ note: 'grüße 🪨' })}\n\n${JSON.stringify({ b: [1, 2] })}\n`;
  const bytes = Buffer.from(text);
  const whole = text.split('\n').filter((line) => line !== '');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new LineReader(bytes.length);
    assert.deepEqual([...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))], whole, `cut at ${cut}`);
  }
});

test('a line at the limit passes, one byte more does not, however it arrives', () => {
  const reader = new LineReader(10);
  assert.deepEqual(reader.push(Buffer.from(`${'x'.repeat(10)}\n`)), ['x'.repeat(10)]);
  reader.push(Buffer.from('x'.repeat(10)));
  assert.throws(() => reader.push(Buffer.from('x')), LineTooLong);
  assert.throws(() => new LineReader(10).push(Buffer.from(`${'x'.repeat(11)}\n`)), LineTooLong);
});
