import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { KubernetesClient } from './client.js';
import { Elector, type ElectorOptions, type Lease } from './elector.js';
import { FakeApi } from './fake-api.js';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/cairn-system/leases';
const LEASE = { namespace: 'cairn-system', name: 'cairn-operator' };
const FAST = { durationMs: 1000, renewMs: 600, retryMs: 20 };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

interface Candidate {
  elector: Elector;
  stop: AbortController;
  ended: Promise<void>;
  /** `lead` and `lost`, in order. */
  log: string[];
  client: KubernetesClient;
}

function candidate(t: TestContext, api: FakeApi, identity: string, options: Partial<ElectorOptions> = {}): Candidate {
  const client = new KubernetesClient(api.config);
  const elector = new Elector(client, { lease: LEASE, identity, ...FAST, ...options });
  const stop = new AbortController();
  const log: string[] = [];
  const ended = elector.run(stop.signal, async ({ signal }) => {
    log.push('lead');
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    log.push('lost');
  });
  t.after(async () => {
    stop.abort();
    await ended;
    client.close();
  });
  return { elector, stop, ended, log, client };
}

const holder = (api: FakeApi): string | undefined => (api.get(PATH, LEASE.name) as Lease)?.spec?.holderIdentity;

test('one of two leads; when it stops, the other takes over without waiting for the lease to run out', async (t) => {
  const api = await FakeApi.start(t);
  const first = candidate(t, api, 'first', { durationMs: 3_600_000 });
  await until(() => first.log.length === 1);
  const second = candidate(t, api, 'second', { durationMs: 3_600_000 });
  await until(() => second.elector.holder === 'first');
  assert.deepEqual(second.log, []);
  first.stop.abort();
  await first.ended;
  await until(() => second.log.length === 1);
  assert.deepEqual(first.log, ['lead', 'lost']);
  assert.equal(holder(api), 'second');
  assert.equal((api.get(PATH, LEASE.name) as Lease).spec?.leaseTransitions, 1);
});

test('a leader that cannot renew stops acting, and a client within its leadership refuses', async (t) => {
  const api = await FakeApi.start(t);
  const client = new KubernetesClient(api.config);
  const elector = new Elector(client, { lease: LEASE, identity: 'first', ...FAST, renewMs: 100 });
  const stop = new AbortController();
  let acting: KubernetesClient | undefined;
  let lost = false;
  const ended = elector.run(stop.signal, async (leadership) => {
    acting = client.within(leadership);
    await new Promise<void>((resolve) => leadership.signal.addEventListener('abort', () => resolve()));
    lost = true;
  });
  await until(() => acting !== undefined);
  api.server.close();
  api.server.closeAllConnections();
  await until(() => lost);
  await assert.rejects(acting!.request({ method: 'GET', path: '/api' }), /right to act is over/);
  assert.equal(elector.leading, false);
  stop.abort();
  await ended;
  client.close();
});

test('time that runs out unnoticed ends the right to act before any timer says so', async (t) => {
  const api = await FakeApi.start(t);
  let now = 0;
  const client = new KubernetesClient(api.config);
  const elector = new Elector(client, { lease: LEASE, identity: 'first', ...FAST, retryMs: 60_000, renewMs: 60_000, monotonic: () => now });
  const stop = new AbortController();
  const refused = new Promise<unknown>((resolve) => {
    void elector.run(stop.signal, async (leadership) => {
      // The process was stopped for a while and goes on.
      now = 60_001;
      await client.within(leadership).request({ method: 'GET', path: '/api' }).catch(resolve);
      stop.abort();
    });
  });
  assert.match(String(await refused), /not renewed in time/);
  client.close();
});

test('a lease that somebody else took is lost at once', async (t) => {
  const api = await FakeApi.start(t);
  const { log, elector } = candidate(t, api, 'first');
  await until(() => log.length === 1);
  const lease = api.get(PATH, LEASE.name) as Lease;
  api.put(PATH, { ...lease, spec: { ...lease.spec, holderIdentity: 'usurper', leaseDurationSeconds: 3600 } } as Lease);
  await until(() => log.length === 2);
  assert.equal(elector.holder, 'usurper');
});

test("a dead holder's lease is taken after its duration by our own clock, whatever its renewTime says", async (t) => {
  const api = await FakeApi.start(t);
  let now = 0;
  // An hour ahead, as of a node whose clock is wrong.
  const renewTime = new Date(Date.now() + 3_600_000).toISOString();
  api.put(PATH, { metadata: LEASE, spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime } } as Lease);
  const { log, elector } = candidate(t, api, 'second', { monotonic: () => now });
  await until(() => elector.holder === 'dead');
  now = 15_000;
  const asked = api.requests.length;
  await until(() => api.requests.length > asked + 2);
  assert.deepEqual(log, []);
  now = 15_001;
  await until(() => log.length === 1);
});

test('of two that take the same lease at once one gets a conflict and does not lead', async (t) => {
  const api = await FakeApi.start(t);
  const both = ['first', 'second'].map((identity) => candidate(t, api, identity));
  await until(() => both.some(({ log }) => log.length > 0));
  await until(() => both.every(({ elector }) => elector.holder !== undefined));
  assert.equal(both.filter(({ log }) => log.length > 0).length, 1);
});
