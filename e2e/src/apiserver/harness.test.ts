import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { sharedApiServer, startApiServer } from '../harness/kubernetes/index.js';
import { accepts } from '../harness/ports.js';
import { until } from '../harness/until.js';

interface Named {
  metadata: { name: string; uid: string; resourceVersion: string };
}
interface List<T> {
  items: T[];
}
interface Review {
  status: { authenticated?: boolean; audiences?: string[]; user?: { username: string; extra?: Record<string, string[]> } };
}

const SLEEPER = { containers: [{ name: 'main', image: 'registry.example/sleeper:1' }] };
const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: SLEEPER });

describe('the API server of the tests', () => {
  const shared = sharedApiServer({ audit: true });

  test('is a whole Kubernetes: it says its version, and workloads make pods', async () => {
    const { serverVersion } = JSON.parse(await shared().kubectl(['version', '-o', 'json'])) as { serverVersion: { gitVersion: string } };
    assert.match(serverVersion.gitVersion, /^v1\.35\.\d+$/);
    await shared().kubectl(['create', 'deployment', 'web', '--image=registry.example/web:1', '--replicas=2']);
    const pods = await until('two pods', async () => {
      const { items } = await shared().get<List<Named>>('pods', '-l', 'app=web');
      return items.length === 2 && items;
    });
    assert.match(pods[0]!.metadata.name, /^web-/);
  });

  test('knows people by certificate, and lets them do what RBAC says', async () => {
    const alice = await shared().user('alice@example.com', ['research']);
    const refused = await shared().tryKubectl(['get', 'pods'], { as: alice });
    assert.match(refused.stderr, /User "alice@example.com" cannot list resource "pods"/);
    await shared().kubectl(['create', 'rolebinding', 'research', '--clusterrole=view', '--group=research']);
    await until('the right', async () => (await shared().tryKubectl(['get', 'pods'], { as: alice })).code === 0);
  });

  test("gives a pod's token for our audience, which names the pod and is no credential for the API server", async () => {
    await shared().apply([pod('bound')]);
    const token = await shared().serviceAccountToken('default', 'default', { pod: 'bound', audience: 'cairn.dev' });
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: ['cairn.dev'] } };
    const answer = await shared().kubectl(['create', '-o', 'json', '-f', '-'], { input: JSON.stringify(review) });
    const { status } = JSON.parse(answer) as Review;
    assert.deepEqual([status.authenticated, status.audiences], [true, ['cairn.dev']]);
    assert.equal(status.user?.username, 'system:serviceaccount:default:default');
    assert.deepEqual(status.user?.extra?.['authentication.kubernetes.io/pod-name'], ['bound']);
    const asPod = await shared().tryKubectl(['auth', 'whoami'], { as: await shared().bearer(token) });
    assert.match(asPod.stderr, /Unauthorized/);
  });

  test('holds a ValidatingAdmissionPolicy', async () => {
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] };
    await shared().apply([
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'no-forbidden' },
        spec: {
          matchConstraints: { resourceRules: [rule] },
          validations: [{ expression: "object.metadata.name != 'forbidden'", message: 'that name is taken' }],
        },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'no-forbidden' },
        spec: { policyName: 'no-forbidden', validationActions: ['Deny'] },
      },
    ]);
    await until('the refusal', async () => {
      const { stderr } = await shared().tryKubectl(['create', 'configmap', 'forbidden', '--dry-run=server']);
      return stderr.includes('that name is taken');
    });
  });

  test('keeps an audit log of who did what', () => {
    const events = readFileSync(shared().auditLog!, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditEvent);
    const created = events.find(({ verb, objectRef }) => verb === 'create' && objectRef?.name === 'web');
    assert.equal(created?.user.username, 'kubernetes-admin');
  });

  test('answers a watch from before a compaction with 410 Gone', async () => {
    const { metadata } = await shared().get<Named>('configmap', 'kube-root-ca.crt');
    await shared().kubectl(['create', 'configmap', 'later']);
    await shared().compactEtcd();
    // A watch cache that starts empty knows nothing from before it.
    await shared().restart();
    const path = `/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=5`;
    const answer = await shared().kubectl(['get', '--raw', path]);
    assert.match(answer, /"code":410/);
  });

  test('comes back after SIGKILL with everything it held', async () => {
    await shared().kubectl(['create', 'configmap', 'kept']);
    await shared().kill9();
    assert.match((await shared().tryKubectl(['get', 'configmaps'])).stderr, /refused/);
    await shared().restart();
    await shared().get('configmap', 'kept');
  });
});

interface AuditEvent {
  verb: string;
  objectRef?: { name?: string };
  user: { username: string };
}

test('ends with the process that started it, also when that is killed', async () => {
  const program = `
    import { startApiServer } from ${JSON.stringify(new URL('../harness/kubernetes/index.js', import.meta.url).href)};
    const server = await startApiServer({ after() {} }, { controllerManager: false });
    console.log(server.url);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = new URL(line.toString().trim()).port;
  child.kill('SIGKILL');
  await once(child, 'exit');
  await until('the end of kube-apiserver', async () => !(await accepts(Number(port))));
});

test('leaves nothing behind', async (t) => {
  const server = await startApiServer(t, { controllerManager: false });
  await server.stop();
  assert.equal(existsSync(server.folder), false);
  assert.equal(await accepts(Number(new URL(server.url).port)), false);
});
