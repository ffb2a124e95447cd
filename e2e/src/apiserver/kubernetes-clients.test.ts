import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { AppsV1Api, Watch } from '@kubernetes/client-node';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { startPlanner, NAMESPACE, type Planner } from './planner.js';
import { until } from '../harness/until.js';

const CONFIG = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'notes' }, data: { a: '1' } };
const PASSWORD = 'correct horse battery';

interface AuditLine {
  auditID: string;
  verb: string;
  stage: string;
  user: { username: string; extra?: Record<string, string[]> };
  impersonatedUser?: unknown;
  objectRef?: { resource: string; name?: string };
}

describe('clients of Kubernetes through a sidecar', () => {
  const server = sharedApiServer({ audit: true });
  let planner: Planner;
  before(async () => {
    planner = await startPlanner(server());
  });
  after(() => planner?.stop());

  const audited = (): AuditLine[] =>
    readFileSync(server().auditLog!, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AuditLine);
  const does = async (args: string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await planner.kubectl(args, input);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  test('kubectl creates, applies, patches, reads, lists and deletes, and each is recorded in the words of the API', async () => {
    await does(['create', '-f', '-'], JSON.stringify(CONFIG));
    await does(['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify({ ...CONFIG, data: { a: '2' } }));
    await does(['patch', 'configmap', 'notes', '--type=merge', '-p', '{"data":{"b":"3"}}']);
    assert.match(await does(['get', 'configmap', 'notes', '-o', 'yaml']), /a: "2"\n {2}b: "3"/);
    assert.match(await does(['get', 'configmaps']), /notes\s+2 /);
    await does(['delete', 'configmap', 'notes', '--dry-run=server']);
    const tried = await planner.recorded('delete', `${NAMESPACE}/configmaps/notes`);
    assert.equal(tried.intent.operation!.parameters!['dryRun'], 'All');
    await does(['delete', 'configmap', 'notes']);

    const created = await planner.recorded('create', `${NAMESPACE}/configmaps/`);
    assert.equal(created.intent.operation!.effect, 'write');
    assert.equal(created.intent.root!.name, 'carol@example.com');
    assert.ok(created.intent.request!.size > 0);
    assert.equal(created.intent.operation!.parameters!['name'], 'notes');
    assert.equal(created.complete.response!.status, '201');
    const listed = await planner.recorded('list', `${NAMESPACE}/configmaps/`);
    assert.ok(listed.complete.response!.rows! >= 1);
    assert.match(listed.complete.response!.resourceVersion!, /^\d+$/);
    const patched = await planner.recorded('patch', `${NAMESPACE}/configmaps/notes`);
    assert.equal(patched.intent.operation!.parameters!['patch'], 'merge');
    assert.equal((await planner.recorded('delete', `${NAMESPACE}/configmaps/notes`)).complete.response!.status, '200');
    const patches = planner.sidecar.events().filter(({ stage, operation }) => stage === 'intent' && operation?.verb === 'patch');
    assert.deepEqual(
      patches.map(({ operation }) => [operation!.parameters!['patch'], operation!.parameters!['sets']]),
      [
        ['apply', ['data.a']],
        ['merge', ['data.b']],
      ],
    );
  });

  test("every request bears its event's id as Audit-ID, under the pod's own name", async () => {
    await does(['get', 'serviceaccount', 'planner']);
    const { intent } = await planner.recorded('get', `${NAMESPACE}/serviceaccounts/planner`);
    const line = await until('the audit log', async () => audited().find(({ auditID }) => auditID === intent.id));
    assert.equal(line.verb, 'get');
    assert.equal(line.objectRef!.name, 'planner');
    assert.equal(line.user.username, `system:serviceaccount:${NAMESPACE}:planner`);
    assert.deepEqual(line.user.extra!['authentication.kubernetes.io/pod-name'], ['planner-0']);
    const ours = planner.sidecar.events().filter(({ stage, decision }) => stage === 'intent' && decision?.action === 'Allow');
    const ids = new Set(ours.map(({ id }) => id));
    const fromPod = audited().filter(({ user }) => user.extra?.['authentication.kubernetes.io/pod-name']?.[0] === 'planner-0');
    assert.ok(fromPod.length > 5);
    assert.deepEqual(
      fromPod.filter(({ auditID }) => !ids.has(auditID)),
      [],
      'the API server saw nothing that is not recorded here',
    );
  });

  test('an agent cannot act as somebody else', async () => {
    assert.match(
      await does(['auth', 'whoami', '--as=system:admin', '--as-group=system:masters']),
      /system:serviceaccount:research:planner/,
    );
    const { code } = await planner.kubectl(['get', 'nodes', '--as=system:admin', '--as-group=system:masters']);
    assert.notEqual(code, 0);
    assert.deepEqual(
      audited().filter(({ impersonatedUser }) => impersonatedUser !== undefined),
      [],
    );
  });

  test('a denial is printed by kubectl with the rule and its reason', async () => {
    await server().kubectl(['create', 'configmap', 'kept', '-n', NAMESPACE]);
    const { code, stderr } = await planner.kubectl(['delete', 'configmap', 'kept']);
    assert.equal(code, 1);
    const { intent } = await planner.recorded('delete', `${NAMESPACE}/configmaps/kept`);
    assert.match(stderr, /^Error from server \(Forbidden\): /);
    assert.match(stderr, new RegExp(`rule "kept" of policy "cluster" denies .*: somebody needs it.*\\(event ${intent.id}\\)`));
    assert.equal(intent.decision!.action, 'Deny');
    await server().kubectl(['get', 'configmap', 'kept', '-n', NAMESPACE]);
  });

  test("another account's token is refused, whatever it could do", async () => {
    const token = await server().serviceAccountToken('kube-system', 'default');
    const { code, stderr } = await planner.kubectlWith(token, ['get', 'pods']);
    assert.notEqual(code, 0);
    assert.match(stderr, /not this pod's/);
    assert.doesNotMatch(JSON.stringify(planner.sidecar.events()), new RegExp(token.slice(-20)));
  });

  test('Secrets come without their values, in tables, YAML and typed clients, and the whole is under seal alone', async () => {
    const data = { password: Buffer.from(PASSWORD).toString('base64') };
    await server().apply([{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db', namespace: NAMESPACE }, data }]);
    const yaml = await does(['get', 'secret', 'db', '-o', 'yaml']);
    assert.match(yaml, /password: Kioq/);
    assert.doesNotMatch(yaml, new RegExp(data.password));
    assert.match(await does(['get', 'secrets']), /db\s+Opaque\s+1 /);
    assert.doesNotMatch(await does(['get', 'secrets', '-A', '-o', 'json', '-n', NAMESPACE]).catch(String), new RegExp(data.password));
    const secret = await planner.core().readNamespacedSecret({ name: 'db', namespace: NAMESPACE });
    assert.deepEqual(secret.data, { password: 'Kioq' });
    const { complete } = await planner.recorded('get', `${NAMESPACE}/secrets/db`);
    assert.deepEqual(complete.masked!.map(({ path }) => path).sort(), [
      "$..['kubectl.kubernetes.io/last-applied-configuration']",
      '$..data',
    ]);
    assert.ok(complete.response!.payload!.length > 0);
    const spool = JSON.stringify(planner.sidecar.events());
    for (const value of [PASSWORD, data.password]) assert.equal(spool.includes(value), false);
  });

  test('a watch streams: each event is there when it happens, and the record counts them', async () => {
    const seen: string[] = [];
    const watch = new Watch(planner.inCluster());
    const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
    const ended = new Promise<void>((resolve) => {
      void watch
        .watch(
          path,
          { labelSelector: 'watched' },
          (type, object: { metadata: { name: string } }) => seen.push(`${type} ${object.metadata.name}`),
          () => resolve(),
        )
        .then(async (controller) => {
          for (const name of ['one', 'two']) {
            await server().kubectl(['create', 'configmap', name, '-n', NAMESPACE]);
            await server().kubectl(['label', 'configmap', name, '-n', NAMESPACE, 'watched=yes']);
            await until(`the event of ${name}`, async () => seen.includes(`ADDED ${name}`));
          }
          controller.abort();
        });
    });
    await ended;
    const { intent, complete } = await planner.recorded('watch', `${NAMESPACE}/configmaps/`);
    assert.equal(intent.operation!.parameters!['labelSelector'], 'watched');
    assert.equal(complete.response!.rows, 2);
    assert.match(complete.response!.resourceVersion!, /^\d+$/);
  });

  test('lists, watches and objects that are asked for in protobuf, as Go clients may, are counted too', async () => {
    for (const name of ['binary-1', 'binary-2']) await server().kubectl(['create', 'configmap', name, '-n', NAMESPACE]);
    await server().kubectl(['label', 'configmaps', '-n', NAMESPACE, 'binary-1', 'binary-2', 'binary=yes']);
    const { items, metadata } = await server().get<{ items: unknown[]; metadata: { resourceVersion: string } }>(
      'configmaps',
      '-n',
      NAMESPACE,
    );
    const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
    assert.match(await asked(path), /^k8s\0/);
    assert.match(await asked(`${path}?watch=1&labelSelector=binary&timeoutSeconds=1`), /ADDED[^]*binary-2/);
    assert.match(await asked(`${path}/binary-1`), /^k8s\0/);
    const of = async (verb: string, name = ''): Promise<[number | undefined, string | undefined]> => {
      const { response } = (await planner.recorded(verb, `${NAMESPACE}/configmaps/${name}`)).complete;
      return [response!.rows, response!.resourceVersion];
    };
    const [rows, version] = await of('list');
    assert.equal(rows, items.length);
    assert.ok(Number(version) >= Number(metadata.resourceVersion), `${version} is after ${metadata.resourceVersion}`);
    const one = await server().get<{ metadata: { resourceVersion: string } }>('configmap', 'binary-1', '-n', NAMESPACE);
    assert.deepEqual(await of('get', 'binary-1'), [undefined, one.metadata.resourceVersion]);
    const [changes, last] = await of('watch');
    assert.equal(changes, 2);
    assert.match(last!, /^\d+$/);
  });

  /** What the API server answers to who takes protobuf alone, as latin1. */
  async function asked(path: string): Promise<string> {
    const { agentFolder } = planner.sidecar;
    const [ca, token] = ['ca.crt', 'token'].map((name) => readFileSync(join(agentFolder, name), 'utf8'));
    const headers = { authorization: `Bearer ${token}`, accept: 'application/vnd.kubernetes.protobuf' };
    const port = planner.sidecar.targetPort('cluster');
    const request = get({ host: 'localhost', port, path, ca, headers, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return text(response.setEncoding('latin1'));
  }

  test('the JavaScript client, configured by what it finds in its pod, works unchanged', async () => {
    const config = planner.inCluster();
    assert.equal(config.getCurrentCluster()!.skipTLSVerify, false);
    const deployment = {
      metadata: { name: 'web' },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'registry.example/web:1' }] } },
      },
    };
    const apps = config.makeApiClient(AppsV1Api);
    await apps.createNamespacedDeployment({ namespace: NAMESPACE, body: deployment });
    const { items } = await apps.listNamespacedDeployment({ namespace: NAMESPACE });
    assert.deepEqual(
      items.map(({ metadata }) => metadata!.name),
      ['web'],
    );
    await assert.rejects(
      planner.core().deleteNamespacedConfigMap({ name: 'kept', namespace: NAMESPACE }),
      /"reason":"Forbidden"|somebody needs it/,
    );
    assert.equal((await planner.recorded('list', `${NAMESPACE}/deployments.apps/`)).complete.response!.rows, 1);
  });
});
