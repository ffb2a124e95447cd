import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { FakeApi } from '../kubernetes/fake-api.js';
import { AUDIT_POLICIES, IDENTITY_PROVIDERS, KubernetesClient, PODS, Reflector, type ApiObject } from '../kubernetes/index.js';
import { AgentDirectory, mayRunBy, PolicyBook } from './index.js';

const POLICIES = '/apis/cairn.dev/v1alpha1/auditpolicies';
const PROVIDERS = '/apis/cairn.dev/v1alpha1/identityproviders';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

interface Fixture {
  api: FakeApi;
  book: PolicyBook;
  agents: AgentDirectory;
  changes: (string | undefined)[];
}

async function start(t: TestContext): Promise<Fixture> {
  const api = await FakeApi.start(t);
  const client = new KubernetesClient(api.config);
  const reflectors = [
    new Reflector(client, AUDIT_POLICIES),
    new Reflector(client, IDENTITY_PROVIDERS),
    new Reflector(client, PODS),
  ] as const;
  const [policies, providers, pods] = reflectors;
  const book = new PolicyBook(policies, providers);
  const changes: (string | undefined)[] = [];
  book.onChange((key) => void changes.push(key));
  for (const reflector of reflectors) reflector.start();
  t.after(async () => {
    await Promise.all(reflectors.map((reflector) => reflector.stop()));
    client.close();
  });
  await until(() => api.watches === 3);
  return { api, book, agents: new AgentDirectory(client, pods, book), changes };
}

function policy(generation: number, spec: object, name = 'research'): ApiObject {
  return { metadata: { name, namespace: 'lab', generation, labels: { team: 'x' } }, spec } as ApiObject;
}

const WRONG = { default: { action: 'Perhaps' } };

test('a policy is in force complete and bare; its status does not change it', async (t) => {
  const { api, book, changes } = await start(t);
  api.put(POLICIES, policy(1, {}));
  await until(() => changes.length === 1);
  const { inForce, problems } = book.state('lab/research')!;
  assert.deepEqual(problems, []);
  assert.deepEqual(inForce!.metadata, { name: 'research', namespace: 'lab' });
  assert.equal(inForce!.spec.identity.maxDepth, 5);
  api.put(POLICIES, { ...policy(1, {}), status: { conditions: [] } } as ApiObject);
  await until(() => book.state('lab/research')!.stored.metadata.resourceVersion === '3');
  assert.equal(book.state('lab/research')!.inForce, inForce, 'the same object');
  assert.equal(changes.length, 1);
});

test('a version that does not hold leaves the last one that did in force', async (t) => {
  const { api, book, changes } = await start(t);
  api.put(POLICIES, policy(1, { undeclared: 'Record' }));
  api.put(POLICIES, policy(2, WRONG));
  await until(() => changes.length === 2);
  const { inForce, problems } = book.state('lab/research')!;
  assert.equal(inForce!.spec.undeclared, 'Record');
  assert.equal(problems[0]!.path, 'spec.default.action');
  api.put(POLICIES, policy(3, {}));
  await until(() => changes.length === 3);
  assert.deepEqual(book.state('lab/research')!.problems, []);
  api.remove(POLICIES, 'research');
  await until(() => changes.length === 4);
  assert.equal(book.state('lab/research'), undefined);
  assert.deepEqual(book.inNamespace('lab'), []);
});

test('one that never held is in force nowhere', async (t) => {
  const { api, book, changes } = await start(t);
  api.put(POLICIES, policy(1, WRONG));
  await until(() => changes.length === 1);
  assert.equal(book.state('lab/research')!.inForce, undefined);
  assert.deepEqual(book.inNamespace('lab'), []);
});

test('an operator that starts later falls back on the version that was recorded as the last one that held, if it still does', async (t) => {
  const { api, book, changes } = await start(t);
  const stored = (name: string, lastValid: string): ApiObject => ({ ...policy(2, WRONG, name), status: { lastValid } }) as ApiObject;
  api.put(POLICIES, stored('kept', JSON.stringify({ undeclared: 'Record' })));
  api.put(POLICIES, stored('wrong', JSON.stringify(WRONG)));
  api.put(POLICIES, stored('broken', '{'));
  await until(() => changes.length === 3);
  const { inForce, problems } = book.state('lab/kept')!;
  assert.deepEqual([inForce!.spec.undeclared, inForce!.spec.identity.required !== undefined, problems.length], ['Record', true, 1]);
  assert.deepEqual(
    ['wrong', 'broken'].map((name) => book.state(`lab/${name}`)!.inForce),
    [undefined, undefined],
  );
});

test('providers are listed by name, the same list until one changes', async (t) => {
  const { api, book, changes } = await start(t);
  const oidc = { issuer: 'https://idp.example.com', audiences: ['cairn'], groupsClaim: 'groups', usernameClaim: 'email' };
  for (const name of ['b', 'a']) api.put(PROVIDERS, { metadata: { name, generation: 1 }, spec: { oidc } } as ApiObject);
  await until(() => changes.length === 2);
  const list = book.providers();
  assert.deepEqual(
    list.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
  assert.equal(book.providers(), list);
});

test("a pod that this replica has not heard of yet is asked for, and another's UID is not taken", async (t) => {
  const { api, agents } = await start(t);
  const pods = '/api/v1/namespaces/lab/pods';
  const metadata = { name: 'planner-0', namespace: 'lab', labels: { 'cairn.dev/agent': 'planner' } };
  const uid = api.put(pods, { metadata }).metadata.uid!;
  const reference = { namespace: 'lab', name: 'planner-0', uid };
  assert.equal((await agents.find(reference))?.metadata.uid, uid);
  assert.equal(await agents.find({ ...reference, uid: 'another' }), undefined);
  api.put(pods, { metadata: { ...metadata, name: 'plain', labels: {} } });
  assert.equal(await agents.find({ namespace: 'lab', name: 'plain', uid: 'uid-2' }), undefined, 'not injected');
});

test('a pod runs by the policy that it names, else by what selects it', async (t) => {
  const { api, book, agents, changes } = await start(t);
  api.put(POLICIES, policy(1, { selector: { matchLabels: { team: 'a' } } }, 'a'));
  api.put(POLICIES, policy(1, { selector: { matchLabels: { team: 'b' } } }, 'b'));
  await until(() => changes.length === 2);
  const pod = (labels: Record<string, string>, named?: string) => ({
    metadata: { namespace: 'lab', labels, ...(named ? { annotations: { 'cairn.dev/policy': named } } : {}) },
  });
  assert.equal(agents.choose(pod({ team: 'a' })).policy?.metadata.name, 'a');
  assert.equal(agents.choose(pod({ team: 'a' }, 'b')).policy?.metadata.name, 'b');
  assert.equal(agents.choose(pod({ team: 'c' })).problem?.code, 'no-policy');
  assert.equal(agents.choose(pod({ team: 'a' }, 'c')).problem?.code, 'unknown-policy');
  const [a] = book.inNamespace('lab');
  assert.deepEqual([mayRunBy(pod({ team: 'a' }), a!), mayRunBy(pod({ team: 'a' }, 'b'), a!)], [true, false]);
});
