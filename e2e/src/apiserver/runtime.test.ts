/** Reflectors, elections, server-side apply and Events against a real API server that is killed, compacted and cut off. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { kubernetes } from '@cairn/operator';
import { KubeConfig } from '@kubernetes/client-node';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';
import { startCable, type Cable } from './cable.js';
import { until } from '../harness/until.js';

const { ApiError, CONFIG_MAPS, Elector, EventRecorder, KubernetesClient, LEASES, Reflector } = kubernetes;
type Client = kubernetes.KubernetesClient;
type ConfigMap = kubernetes.ConfigMap;

const NAMESPACE = 'default';
const SELECTION = { namespace: NAMESPACE, labelSelector: 'made-by=test' };

function clientOf(t: TestContext, { kubeconfig }: ApiServer, server?: string): Client {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const [cluster] = config.clusters;
  if (server) config.clusters = [{ ...cluster!, server }];
  const client = new KubernetesClient(config);
  t.after(() => client.close());
  return client;
}

function configMap(name: string, value = '1'): ConfigMap {
  return { metadata: { name, namespace: NAMESPACE, labels: { 'made-by': 'test' } }, data: { value } };
}

interface Followed {
  reflector: kubernetes.Reflector<ConfigMap>;
  /** What handlers were told, in order. */
  told: string[];
  values: () => string[];
}

function follow(t: TestContext, client: Client, options: kubernetes.ReflectorOptions<ConfigMap> = {}): Followed {
  const reflector = new Reflector(client, CONFIG_MAPS, { ...SELECTION, restart: { firstMs: 20, mostMs: 200 }, ...options });
  const told: string[] = [];
  reflector.subscribe({
    added: ({ metadata }) => void told.push(`+${metadata.name}`),
    updated: ({ metadata, data }) => void told.push(`${metadata.name}=${data?.['value']}`),
    deleted: ({ metadata }) => void told.push(`-${metadata.name}`),
  });
  t.after(() => reflector.stop());
  reflector.start();
  const values = () => [...reflector.store.all()].map(({ metadata, data }) => `${metadata.name}=${data?.['value']}`).toSorted();
  return { reflector, told, values };
}

async function clear(client: Client): Promise<void> {
  const { items } = await client.list(CONFIG_MAPS, SELECTION);
  for (const { metadata } of items) await client.delete(CONFIG_MAPS, { namespace: NAMESPACE, name: metadata.name! });
}

/** Changes of every kind, and how the store has to look after them. */
async function change(client: Client): Promise<string[]> {
  const key = (name: string) => ({ namespace: NAMESPACE, name });
  await client.delete(CONFIG_MAPS, key('gone'));
  await client.delete(CONFIG_MAPS, key('again'));
  await client.create(CONFIG_MAPS, configMap('again', '2'));
  await client.mergePatch(CONFIG_MAPS, key('kept'), { data: { value: '2' } });
  await client.create(CONFIG_MAPS, configMap('new'));
  return ['again=2', 'kept=2', 'new=1', 'same=1'];
}

async function begin(
  t: TestContext,
  server: ApiServer,
  options?: kubernetes.ReflectorOptions<ConfigMap>,
): Promise<Followed & { direct: Client; cable: Cable }> {
  const direct = clientOf(t, server);
  await clear(direct);
  for (const name of ['gone', 'again', 'kept', 'same']) await direct.create(CONFIG_MAPS, configMap(name));
  const cable = await startCable(t, server.url);
  const followed = follow(t, clientOf(t, server, cable.url), options);
  await followed.reflector.whenSynced();
  await until('the watch', async () => followed.reflector.counts.watches === 1);
  followed.told.length = 0;
  return { ...followed, direct, cable };
}

describe('a reflector on a real API server', () => {
  const server = sharedApiServer({ controllerManager: false });

  test('follows changes in order, and reads a list page by page', async (t) => {
    const { told, values, direct, reflector } = await begin(t, server());
    const wanted = await change(direct);
    await until('the changes', async () => values().join() === wanted.join());
    assert.deepEqual(told, ['-gone', '-again', '+again', 'kept=2', '+new']);
    const { items } = await direct.list(CONFIG_MAPS, { ...SELECTION, pageCount: 1 });
    assert.deepEqual(items.map(({ metadata }) => metadata.name!).toSorted(), ['again', 'kept', 'new', 'same']);
    assert.equal(reflector.counts.lists, 1);
  });

  test('misses nothing of what happened while its connection was cut, and does not list again', async (t) => {
    const { told, values, direct, cable, reflector } = await begin(t, server());
    cable.cut();
    const wanted = await change(direct);
    assert.deepEqual(told, []);
    cable.mend();
    await until('the changes', async () => values().join() === wanted.join());
    assert.equal(reflector.counts.lists, 1);
    assert.deepEqual(told, ['-gone', '-again', '+again', 'kept=2', '+new']);
  });

  test('misses nothing behind a compaction: it lists again and finds what was deleted', async (t) => {
    const { told, values, direct, cable, reflector } = await begin(t, server());
    cable.cut();
    const wanted = await change(direct);
    await server().compactEtcd();
    // A watch cache that starts empty knows nothing from before it.
    await server().restart();
    cable.mend();
    await until('the changes', async () => values().join() === wanted.join());
    assert.equal(reflector.counts.lists, 2);
    assert.deepEqual(told.toSorted(), ['+again', '+new', '-again', '-gone', 'kept=2']);
  });

  test('survives SIGKILL of the API server; how stale it is shows meanwhile', async (t) => {
    const { values, direct, reflector } = await begin(t, server());
    await server().kill9();
    const before = reflector.stalenessSeconds;
    await until('failures', async () => reflector.counts.failures >= 3);
    assert.ok(reflector.stalenessSeconds > before);
    await server().restart();
    const wanted = await change(direct);
    await until('the changes', async () => values().join() === wanted.join());
    assert.ok(reflector.stalenessSeconds < 10);
  });

  test('replaces a connection that is open but dead', async (t) => {
    const { values, direct, cable, reflector } = await begin(t, server(), { watchIdleMs: 500 });
    cable.freeze();
    const wanted = await change(direct);
    await until('the changes', async () => values().join() === wanted.join());
    assert.ok(reflector.counts.watches >= 2);
  });
});

describe('leaders on a real API server', () => {
  const server = sharedApiServer({ controllerManager: false });
  const FAST = { durationMs: 2000, renewMs: 1200, retryMs: 100 };

  interface Candidate {
    cable: Cable;
    elector: kubernetes.Elector;
    client: Client;
    stop: () => Promise<void>;
    /** Writes of the leader: who, and when it began and ended, milliseconds. */
    terms: { from: number; to?: number }[];
  }

  async function candidate(t: TestContext, identity: string, name: string, times = FAST): Promise<Candidate> {
    const cable = await startCable(t, server().url);
    const client = clientOf(t, server(), cable.url);
    const elector = new Elector(client, { lease: { namespace: NAMESPACE, name }, identity, ...times });
    const stopping = new AbortController();
    const terms: Candidate['terms'] = [];
    const running = elector.run(stopping.signal, async ({ signal }) => {
      const term: Candidate['terms'][number] = { from: performance.now() };
      terms.push(term);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      term.to = performance.now();
    });
    const stop = async (): Promise<void> => {
      stopping.abort();
      await running;
    };
    t.after(stop);
    return { cable, elector, client, stop, terms };
  }

  test('one leads; cut off it stops before the other begins', async (t) => {
    const first = await candidate(t, 'first', 'cut');
    await until('the first leader', async () => first.terms.length === 1);
    const second = await candidate(t, 'second', 'cut');
    await until('the second to see it', async () => second.elector.holder === 'first');
    first.cable.cut();
    await until('the second leader', async () => second.terms.length === 1);
    assert.ok(first.terms[0]!.to! < second.terms[0]!.from, 'never two at once');
    first.cable.mend();
    await until('the first to see it', async () => first.elector.holder === 'second');
    assert.equal(first.terms.length, 1);
  });

  test('a leader that stops lets the other lead at once', async (t) => {
    // Longer than anything here is waited for: the lease does not run out.
    const lasting = { ...FAST, durationMs: 600_000 };
    const first = await candidate(t, 'first', 'stopped', lasting);
    await until('the first leader', async () => first.terms.length === 1);
    const second = await candidate(t, 'second', 'stopped', lasting);
    await until('the second to see it', async () => second.elector.holder === 'first');
    await first.stop();
    await until('the second leader', async () => second.terms.length === 1);
  });

  test('two that begin at once make one Lease and one leader', async (t) => {
    const both = await Promise.all(['first', 'second'].map((identity) => candidate(t, identity, 'race')));
    await until('a leader', async () => both.some(({ terms }) => terms.length > 0));
    await until('both to see it', async () => both.every(({ elector }) => elector.holder !== undefined));
    assert.equal(both.filter(({ elector }) => elector.leading).length, 1);
    const lease = await both[0]!.client.get(LEASES, { namespace: NAMESPACE, name: 'race' });
    assert.equal(lease?.spec?.leaseTransitions, 0);
  });
});

describe('writes on a real API server', () => {
  const server = sharedApiServer({ controllerManager: false });

  test('server-side apply owns its fields: what it no longer says goes, what others say stays', async (t) => {
    const client = clientOf(t, server());
    const key = { name: 'applied', namespace: NAMESPACE };
    await client.apply(CONFIG_MAPS, { metadata: key, data: { a: '1', b: '1' } });
    await client.apply(CONFIG_MAPS, { metadata: key, data: { theirs: '1' } }, { manager: 'somebody' });
    await client.apply(CONFIG_MAPS, { metadata: key, data: { a: '2' } });
    assert.deepEqual((await client.get(CONFIG_MAPS, key))?.data, { a: '2', theirs: '1' });
    await assert.rejects(
      client.apply(CONFIG_MAPS, { metadata: key, data: { a: '3' } }, { manager: 'somebody', force: false }),
      (error: unknown) => error instanceof ApiError && error.reason === 'Conflict',
    );
  });

  test('errors carry the status, reason and words of the API server', async (t) => {
    const client = clientOf(t, server());
    const invalid = client.create(CONFIG_MAPS, { metadata: { name: 'Not A Name', namespace: NAMESPACE } });
    await assert.rejects(invalid, (error: unknown) => error instanceof ApiError && error.status === 422 && error.reason === 'Invalid');
    const nobody = new KubeConfig();
    nobody.loadFromFile(await server().user('nobody'));
    const asked = new KubernetesClient(nobody);
    t.after(() => asked.close());
    await assert.rejects(asked.list(CONFIG_MAPS), (error: unknown) => {
      assert.ok(error instanceof ApiError);
      assert.deepEqual([error.status, error.reason], [403, 'Forbidden']);
      assert.match(error.message, /^GET \/api\/v1\/configmaps: .*User "nobody" cannot list resource "configmaps"/);
      return true;
    });
  });

  test('an Event is one kubectl shows, and a repetition makes it a series', async (t) => {
    const client = clientOf(t, server());
    const recorder = new EventRecorder(client, { instance: 'cairn-operator-1' });
    const made = await client.create(CONFIG_MAPS, configMap('told'));
    const text = { type: 'Warning', reason: 'NotInjected', action: 'Inject', note: 'It says no.' } as const;
    for (let n = 0; n < 3; n++) recorder.record({ resource: CONFIG_MAPS, metadata: made.metadata }, text);
    await recorder.flush();
    assert.deepEqual(recorder.counts, { written: 2, dropped: 0 });
    const shown = await server().kubectl(['describe', 'configmap', 'told']);
    assert.match(shown, /Warning\s+NotInjected .*It says no\./);
    const { items } = await server().get<{ items: { series: { count: number } }[] }>('events.events.k8s.io', '-n', NAMESPACE);
    assert.deepEqual(
      items.map(({ series }) => series.count),
      [2],
    );
  });
});
