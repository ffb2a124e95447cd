/** What an auditor is shown of protobuf and CBOR is what the API server itself says in JSON. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeKubernetes } from '@cairn/cli';
import { openLedger, SpoolIngest } from '@cairn/ledger';
import { cairn } from '../demo/run.js';
import { until } from '../harness/until.js';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { ask, CBOR, decoded, PROTOBUF, withoutInnerTypes, type Answer, type Api } from './kubernetes-bodies.js';
import { RICH_NAMESPACE, RICH_OBJECTS } from './kubernetes-objects.js';
import { NAMESPACE, startPlanner, type Planner } from './planner.js';

interface ResourceList {
  groupVersion: string;
  resources: { name: string; verbs: string[] }[];
}
interface ObjectList {
  kind: string;
  metadata: { resourceVersion?: string };
  items: object[];
}

describe('bodies of the Kubernetes API that are neither JSON nor text', () => {
  const server = sharedApiServer({ controllerManager: false, featureGates: ['CBORServingAndStorage'] });
  let api: Api;
  before(async () => {
    await server().apply(RICH_OBJECTS.slice(0, 2));
    await server().apply(RICH_OBJECTS.slice(2), { serverSide: true });
    await server().kubectl(['create', 'serviceaccount', 'reader', '-n', RICH_NAMESPACE]);
    await server().kubectl([
      'create',
      'clusterrolebinding',
      'reader',
      '--clusterrole=cluster-admin',
      `--serviceaccount=${RICH_NAMESPACE}:reader`,
    ]);
    api = { url: server().url, ca: server().caCert, token: await server().serviceAccountToken(RICH_NAMESPACE, 'reader') };
    const listed = (): Promise<Answer> => ask(api, '/apis/example.com/v1/things', { accept: 'application/json' });
    await until('the custom resource', async () => (await listed()).status === 200, 120_000);
  });

  const json = async <T>(path: string): Promise<T> => {
    const { status, bytes } = await ask(api, path, { accept: 'application/json' });
    assert.equal(status, 200, `${path}: ${bytes.toString()}`);
    return JSON.parse(bytes.toString()) as T;
  };
  /** Every resource that can be listed, by its path. The states of components are made up anew for each answer. */
  const lists = async (): Promise<string[]> => {
    const { groups } = await json<{ groups: { versions: { groupVersion: string }[] }[] }>('/apis');
    const versions = ['/api/v1', ...groups.flatMap((group) => group.versions.map(({ groupVersion }) => `/apis/${groupVersion}`))];
    const found = await Promise.all(versions.map(async (path) => ({ path, ...(await json<ResourceList>(path)) })));
    return found.flatMap(({ path, resources }) =>
      resources
        .filter(({ name, verbs }) => !name.includes('/') && name !== 'componentstatuses' && verbs.includes('list'))
        .map(({ name }) => `${path}/${name}`),
    );
  };

  for (const form of [PROTOBUF, CBOR]) {
    test(`every object that the API server has reads from ${form} as it says it in JSON`, async () => {
      const seen = new Map<string, number>();
      const elsewise: string[] = [];
      for (const path of await lists()) {
        const list = await json<ObjectList>(path);
        const version = list.metadata.resourceVersion ? `?resourceVersion=${list.metadata.resourceVersion}&resourceVersionMatch=Exact` : '';
        const answer = await ask(api, `${path}${version}`, { accept: form });
        if (answer.status === 406) {
          elsewise.push(path);
          continue;
        }
        assert.equal(answer.status, 200, `${path}: ${answer.bytes.toString()}`);
        assert.equal(answer.type.split(';')[0], form);
        assert.deepEqual(await decoded(answer), form === PROTOBUF ? withoutInnerTypes(list) : list, path);
        seen.set(path.split('/').slice(2).join('/'), list.items.length);
      }
      assert.deepEqual(elsewise, form === PROTOBUF ? ['/apis/example.com/v1/things'] : [], 'custom resources come in no protobuf');
      const kinds = new Set(RICH_OBJECTS.map((each) => (each as { kind: string }).kind));
      assert.ok([...seen.values()].filter((items) => items > 0).length >= kinds.size, [...seen].join(' '));
    });

    test(`a watch in ${form} reads event by event, as in JSON`, async () => {
      const path = `/api/v1/namespaces/${RICH_NAMESPACE}/configmaps`;
      const { metadata } = await json<ObjectList>(path);
      await server().kubectl(['create', 'configmap', 'watched', '-n', RICH_NAMESPACE, '--from-literal=a=1']);
      await server().kubectl(['label', 'configmap', 'watched', '-n', RICH_NAMESPACE, 'b=2']);
      await server().kubectl(['delete', 'configmap', 'watched', '-n', RICH_NAMESPACE]);
      const watch = `${path}?watch=1&resourceVersion=${metadata.resourceVersion!}&timeoutSeconds=60`;
      const lines = ({ bytes }: Answer): string[] => bytes.toString().split('\n').slice(0, -1);
      const expected = await ask(api, watch, { accept: 'application/json', until: async (answer) => lines(answer).length === 3 });
      const answer = await ask(api, watch, {
        accept: form,
        until: (so) =>
          decodeKubernetes(so).then(
            ({ values }) => values.length === 3,
            () => false,
          ),
      });
      const { values, notes } = await decodeKubernetes(answer);
      assert.deepEqual(
        values,
        lines(expected).map((line) => JSON.parse(line) as unknown),
      );
      assert.deepEqual(notes, []);
      assert.deepEqual(
        values.map((each) => (each as { type: string }).type),
        ['ADDED', 'MODIFIED', 'DELETED'],
      );
    });
  }

  for (const form of [PROTOBUF, CBOR]) {
    test(`failures, scales, tokens and metadata alone read from ${form} as in JSON`, async () => {
      const accept = (more: string): { accept: string }[] => ['application/json', form].map((type) => ({ accept: `${type}${more}` }));
      const same = async (path: string, more = ''): Promise<void> => {
        const [inJson, inForm] = await Promise.all(accept(more).map((asked) => ask(api, path, asked)));
        assert.equal(inForm!.type.split(';')[0], form, inForm!.bytes.toString());
        const expected = JSON.parse(inJson!.bytes.toString()) as unknown;
        assert.deepEqual(await decoded(inForm!), form === PROTOBUF ? withoutInnerTypes(expected) : expected, path);
      };
      await same(`/api/v1/namespaces/${RICH_NAMESPACE}/pods/none`);
      await same(`/apis/apps/v1/namespaces/${RICH_NAMESPACE}/deployments/web/scale`);
      await same(`/apis/apps/v1/namespaces/${RICH_NAMESPACE}/deployments/web`);
      await same(`/api/v1/namespaces/${RICH_NAMESPACE}/pods/web`, ';as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
      await same(`/api/v1/namespaces/${RICH_NAMESPACE}/pods?limit=1`, ';as=PartialObjectMetadataList;g=meta.k8s.io;v=v1');
    });
  }

  test('the schema is of the Kubernetes that runs here', async () => {
    const module = readFileSync(fileURLToPath(new URL('../../go/kubernetes/go.mod', import.meta.url)), 'utf8');
    const version = /k8s\.io\/api (v\S+)/.exec(module)![1]!;
    const newer = Buffer.concat([Buffer.from('k8s\0\x0a\x08\x0a\x02v9\x12\x02Ab', 'latin1')]);
    await assert.rejects(
      decodeKubernetes({ bytes: newer, type: PROTOBUF }),
      new RegExp(`kind "Ab" in "v9", which Kubernetes ${version.replaceAll('.', '\\.')} `),
    );
  });
});

/** A length-delimited field of fewer than 128 bytes. */
const field = (number: number, content: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2, content.length]), Buffer.from(content)]);
const DELETE_OPTIONS = Buffer.concat([
  Buffer.from('k8s\0'),
  field(1, Buffer.concat([field(1, 'v1'), field(2, 'DeleteOptions')])),
  field(2, Buffer.concat([Buffer.from([0x08, 0x00]), field(4, 'Background')])),
]);

describe('protobuf and CBOR through a sidecar', () => {
  const server = sharedApiServer({ featureGates: ['CBORServingAndStorage'] });
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'notes' }, data: { finding: 'Quito is the capital' } };
  let planner: Planner;
  let kept: object;
  let listed: ObjectList;
  before(async () => {
    planner = await startPlanner(server());
    const { agentFolder } = planner.sidecar;
    const [ca, token] = ['ca.crt', 'token'].map((name) => readFileSync(join(agentFolder, name), 'utf8')) as [string, string];
    const api = { url: `https://localhost:${planner.sidecar.targetPort('cluster')}`, ca, token };
    const asks = async (method: string, at: string, bytes?: Buffer, type = PROTOBUF, accept = PROTOBUF): Promise<Answer> => {
      const answer = await ask(api, at, { accept, method, ...(bytes ? { body: { bytes, type } } : {}) });
      assert.ok(answer.status < 300, `${method} ${at}: ${answer.status} ${answer.bytes.toString()}`);
      return answer;
    };
    const tried = await asks('POST', `${path}?dryRun=All`, Buffer.from(JSON.stringify(config)), 'application/json');
    await asks('POST', path, tried.bytes);
    kept = await server().get<object>('configmap', 'notes', '-n', NAMESPACE, '--show-managed-fields');
    await asks('GET', `${path}/notes`);
    listed = (await decoded(await asks('GET', path, undefined, '', CBOR))) as ObjectList;
    await asks('GET', `${path}?watch=1&fieldSelector=metadata.name=notes&timeoutSeconds=3`, undefined, '', CBOR);
    await asks('DELETE', `${path}/notes`, DELETE_OPTIONS);
    await planner.recorded('delete', `${NAMESPACE}/configmaps/notes`);
  });
  after(() => planner?.stop());

  const told = async (...args: string[]): Promise<string> => {
    const { code, output } = await cairn(args, server().folder);
    assert.equal(code, 0, output);
    return output;
  };

  test('is recorded as the bytes that passed, and an auditor with the key is shown what they say', async () => {
    const folder = join(server().folder, 'ledger');
    const ledger = openLedger(folder, { create: true });
    new SpoolIngest(ledger, planner.sidecar.spoolFolder).drain();
    ledger.close();
    const key = join(server().folder, 'auditor.json');
    writeFileSync(key, JSON.stringify(planner.plane.auditorKey.privateJwk), { mode: 0o600 });

    assert.doesNotMatch(await told('replay', '--ledger', folder), /Quito/);
    const replayed = await told('replay', '--ledger', folder, '--key', key);
    assert.match(replayed, /create research\/configmaps\/[^]*request:\n +\{\n +"kind": "ConfigMap",[^]*"finding": "Quito is the capital"/);
    assert.match(replayed, /delete research\/configmaps\/notes[^]*"kind": "DeleteOptions",[^]*"propagationPolicy": "Background"/);
    // Members of CBOR come in any order.
    assert.match(replayed, /list research\/configmaps\/ [^]*"items": \[[^]*watch research\/configmaps\/notes [^]*"object": \{/);
    assert.match(replayed, /response:\n +\{\n +"kind": "Status",\n +"apiVersion": "v1",[^]*"status": "Success"/);

    const { complete } = await planner.recorded('get', `${NAMESPACE}/configmaps/notes`);
    const unseal = (how: string): Promise<string> =>
      told('unseal', complete.id, '--ledger', folder, '--key', key, '--part', 'response', how);
    const json = (await unseal('--json')).split('\n').find((line) => line.startsWith('{'))!;
    assert.deepEqual(JSON.parse(json), kept);
    assert.match(await unseal('--raw'), /^k8s\0/);
  });

  test('is counted in CBOR too', async () => {
    const list = (await planner.recorded('list', `${NAMESPACE}/configmaps/`)).complete.response!;
    assert.equal(list.rows, listed.items.length);
    assert.equal(list.resourceVersion, listed.metadata.resourceVersion);
    const watch = (await planner.recorded('watch', `${NAMESPACE}/configmaps/notes`)).complete.response!;
    assert.deepEqual([watch.rows, watch.resourceVersion], [1, (kept as ObjectList).metadata.resourceVersion]);
  });
});
