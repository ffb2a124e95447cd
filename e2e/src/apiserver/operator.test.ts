/** Two replicas of the operator, with the rights that the chart gives them, on a real API server. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, describe, test } from 'node:test';
import type { Bundle } from '@cairn/crds';
import { generateSigningKey } from '@cairn/identity';
import { CHART, NAMESPACE, RELEASE } from '../chart/repository.js';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';
import { startOperator, type Answer, type OperatorProcess } from '../harness/operator.js';
import { until } from '../harness/until.js';
import { connectWebhooks, startFront } from './webhook-front.js';

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  observedGeneration: number;
}
interface Observed {
  metadata: { generation: number };
  status?: { conditions?: Condition[]; lastFetched?: string };
}
interface NetworkPolicy {
  metadata: { name: string; uid: string };
  spec: {
    podSelector: object;
    policyTypes: string[];
    egress?: { to?: object[]; ports?: object[] }[];
    ingress?: { from?: { namespaceSelector: object; podSelector: object }[]; ports?: object[] }[];
  };
}

const policy = (name: string, spec: object, namespace = 'research') => ({
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name, namespace },
  spec: { identity: { maxDepth: 4 }, ...spec },
});
const TEAM = { selector: { matchLabels: { team: 'a' } } };
const ORDERS = { name: 'orders', protocol: 'postgres', hosts: ['orders.data.svc'], port: 5432 };
const CRM = { name: 'crm', protocol: 'http', hosts: ['crm.example.com'], port: 443 };

const agentPod = (name: string, labels: Record<string, string> = { team: 'a' }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'research', labels },
  spec: { containers: [{ name: 'agent', image: 'registry.example/agent:1' }] },
});

describe('two replicas of the operator on a real API server', () => {
  const shared = sharedApiServer();
  const ends: (() => Promise<void>)[] = [];
  const scope = { after: (end: () => Promise<void>) => void ends.push(end) };
  let server: ApiServer;
  let replicas: OperatorProcess[];
  let kubeconfig: string;

  before(async () => {
    server = shared();
    await server.helm(['install', RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace']);
    await server.kubectl(['wait', '--for=condition=Established', 'crd', '-l', 'app.kubernetes.io/name=cairn', '--timeout=30s']);
    for (const name of ['research', 'data']) await server.kubectl(['create', 'namespace', name]);
    await server.apply([
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'orders', namespace: 'data' },
        spec: { selector: { app: 'pg' }, ports: [{ port: 5432, targetPort: 'sql' }] },
      },
    ]);
    kubeconfig = await server.bearer(await server.serviceAccountToken(NAMESPACE, 'cairn-operator', { seconds: 3600 }));
    replicas = await Promise.all(['one', 'two'].map((name) => start(`cairn-operator-${name}`)));
    const front = await startFront(scope, () => replicas.map(({ ports }) => ports.admission));
    await connectWebhooks(server, front);
  });
  // Before the API server ends, which stops with the describe.
  test.after(async () => {
    for (const end of ends) await end();
  });

  const start = (podName: string): Promise<OperatorProcess> => startOperator(scope, { podName, namespace: NAMESPACE, kubeconfig });

  async function conditions(...object: string[]): Promise<Record<string, string>> {
    const { metadata, status } = await server.get<Observed>(...(object as [string]));
    const current = (status?.conditions ?? []).filter(({ observedGeneration }) => observedGeneration === metadata.generation);
    return Object.fromEntries(current.map(({ type, status: is, reason }) => [type, `${is}/${reason}`]));
  }

  async function untilConditions(name: string, wanted: Record<string, string>): Promise<void> {
    let last: Record<string, string> = {};
    await until(JSON.stringify(wanted), async () => {
      last = await conditions('auditpolicy', name, '-n', 'research');
      return Object.entries(wanted).every(([type, is]) => last[type] === is);
    }).catch((error: unknown) => assert.fail(`${String(error)}; it was ${JSON.stringify(last)}`));
  }

  async function networkPolicies(namespace = 'research'): Promise<Record<string, NetworkPolicy>> {
    const { items } = await server.get<{ items: NetworkPolicy[] }>('networkpolicies', '-n', namespace);
    return Object.fromEntries(items.map((each) => [each.metadata.name, each]));
  }

  const leaders = async (): Promise<OperatorProcess[]> => {
    const leading = await Promise.all(replicas.map(async (each) => (await each.metric('cairn_operator_leader')) === 1));
    return replicas.filter((_, index) => leading[index]);
  };

  test('one of them leads', async () => {
    await until('a leader', async () => (await leaders()).length > 0);
    assert.equal((await leaders()).length, 1);
  });

  test('an enrolled namespace is closed at once, before it has a policy', async () => {
    await server.kubectl(['label', 'namespace', 'research', 'cairn.dev/enroll=true']);
    const { spec } = await until('the default-deny', async () => (await networkPolicies())['cairn-default-deny']);
    assert.deepEqual(spec, { podSelector: {}, policyTypes: ['Egress'] });
    const events = await until('the Event', async () => {
      const { items } = await server.get<{ items: { reason: string; note: string }[] }>('events.events.k8s.io', '-n', 'default');
      return items.find(({ reason }) => reason === 'Fenced');
    });
    assert.match(events.note, /enrolled/);
  });

  test('a policy says whom it selects, and opens the way to its targets', async () => {
    await server.apply([policy('team', { ...TEAM, targets: [ORDERS, CRM] })]);
    await untilConditions('team', { Ready: 'True/InForce', Selecting: 'False/NoPods', Fenced: 'True/PublicPorts' });
    await server.apply([agentPod('planner')]);
    await untilConditions('team', { Ready: 'True/InForce', Selecting: 'True/PodsSelected', Conflicting: 'False/NoConflict' });
    const { spec } = (await networkPolicies())['cairn-agents-team']!;
    assert.deepEqual(spec.podSelector, {
      matchLabels: { team: 'a' },
      matchExpressions: [{ key: 'cairn.dev/agent', operator: 'Exists' }],
    });
    assert.deepEqual(spec.egress![2], {
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'data' } }, podSelector: { matchLabels: { app: 'pg' } } }],
      ports: [{ port: 'sql', protocol: 'TCP' }],
    });
  });

  test("a Service's owner has its pods closed to all but agents that declare it, for as long as they ask", async () => {
    const fence = async (): Promise<NetworkPolicy | undefined> => (await networkPolicies('data'))['cairn-ingress-orders'];
    assert.deepEqual(await networkPolicies('data'), {});
    await server.kubectl(['annotate', 'service', 'orders', '-n', 'data', 'cairn.dev/ingress=agents']);
    const { spec } = await until('the fence', fence);
    assert.deepEqual(spec, {
      podSelector: { matchLabels: { app: 'pg' } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [
            {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'research' } },
              podSelector: { matchLabels: { team: 'a' }, matchExpressions: [{ key: 'cairn.dev/agent', operator: 'Exists' }] },
            },
          ],
          ports: [{ port: 'sql', protocol: 'TCP' }],
        },
      ],
    });
    await until('the Event', async () => {
      const { items } = await server.get<{ items: { reason: string; regarding: { name: string } }[] }>(
        'events.events.k8s.io',
        '-n',
        'data',
      );
      return items.some(({ reason, regarding }) => reason === 'IngressFenced' && regarding.name === 'orders');
    });
    const targets = (list: object[]): string[] => ['--type=merge', '-p', JSON.stringify({ spec: { targets: list } })];
    await server.kubectl(['patch', 'auditpolicy', 'team', '-n', 'research', ...targets([CRM])]);
    await until('nobody to be admitted', async () => ((await fence())?.spec.ingress ?? []).length === 0);
    await server.kubectl(['patch', 'auditpolicy', 'team', '-n', 'research', ...targets([ORDERS, CRM])]);
    await until('the way in', async () => (await fence())?.spec.ingress?.length === 1);
    await server.kubectl(['delete', 'networkpolicy', 'cairn-ingress-orders', '-n', 'data'], { as: kubeconfig });
    await until('the repair', fence);
    await server.kubectl(['annotate', 'service', 'orders', '-n', 'data', 'cairn.dev/ingress-']);
    await until('the fence to go', async () => (await fence()) === undefined);
  });

  test('an identity provider says whether its metadata and keys can be had, and when they were', async (t) => {
    const keys = { keys: [(await generateSigningKey()).publicJwk] };
    let answering = false;
    const idp = createServer((request, response) => {
      const issuer = `http://${request.headers.host}`;
      const document = request.url === '/jwks' ? keys : { issuer, jwks_uri: `${issuer}/jwks` };
      response.writeHead(answering ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    });
    await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve));
    t.after(() => idp.close().closeAllConnections());
    const issuer = `http://127.0.0.1:${(idp.address() as AddressInfo).port}`;
    const provider = (audience: string): object => ({
      apiVersion: 'cairn.dev/v1alpha1',
      kind: 'IdentityProvider',
      metadata: { name: 'corp' },
      spec: { oidc: { issuer, audiences: [audience] } },
    });
    await server.apply([provider('cairn')]);
    const down = await until('the failure', async () => {
      const found = await conditions('identityprovider', 'corp');
      return found['Ready'] !== undefined && found;
    });
    assert.deepEqual(down, { Ready: 'False/NotReached', Accepted: 'True/Valid', Reachable: 'False/NotReached' });
    const { status } = await server.get<Observed>('identityprovider', 'corp');
    assert.match(status!.conditions!.find(({ type }) => type === 'Reachable')!.message, /answered 503/);
    assert.equal(status!.lastFetched, undefined);
    answering = true;
    await server.apply([provider('another')]);
    await until('its keys', async () => (await conditions('identityprovider', 'corp'))['Ready'] === 'True/InForce');
    const { status: after } = await server.get<Observed>('identityprovider', 'corp');
    assert.match(after!.conditions!.find(({ type }) => type === 'Reachable')!.message, /1 signing key/);
    assert.ok(Math.abs(Date.parse(after!.lastFetched!) - Date.now()) < 60_000);
    await server.kubectl(['delete', 'identityprovider', 'corp']);
  });

  test('policies that claim the same pods say so, and stop saying so', async () => {
    await server.apply([policy('other', TEAM)]);
    for (const name of ['team', 'other'])
      await untilConditions(name, { Ready: 'False/SeveralPolicies', Conflicting: 'True/SeveralPolicies' });
    await server.kubectl(['delete', 'auditpolicy', 'other', '-n', 'research']);
    await untilConditions('team', { Ready: 'True/InForce', Conflicting: 'False/NoConflict' });
    await until('its fence to go', async () => (await networkPolicies())['cairn-agents-other'] === undefined);
  });

  test('a fence that somebody edits or deletes is put back', async () => {
    const found = (await networkPolicies())['cairn-agents-team']!;
    const edit = ['patch', 'networkpolicy', 'cairn-agents-team', '-n', 'research', '--type=merge'];
    const open = JSON.stringify({ spec: { egress: [{}] } });
    assert.match((await server.tryKubectl([...edit, '-p', open])).stderr, /ValidatingAdmissionPolicy/);
    // Whoever got hold of the operator's own credentials.
    await server.kubectl([...edit, '-p', open], { as: kubeconfig });
    await until(
      'the repair',
      async () => (await networkPolicies())['cairn-agents-team']?.spec.egress?.length === found.spec.egress!.length,
    );
    await server.kubectl(['delete', 'networkpolicy', 'cairn-default-deny', '-n', 'research'], { as: kubeconfig });
    await until('the default-deny', async () => (await networkPolicies())['cairn-default-deny']);
    await server.kubectl(['label', 'networkpolicy', 'cairn-default-deny', '-n', 'research', 'app.kubernetes.io/managed-by-'], {
      as: kubeconfig,
    });
    await until('its label', async () => {
      const { metadata } = await server.get<{ metadata: { labels?: object } }>('networkpolicy', 'cairn-default-deny', '-n', 'research');
      return metadata.labels !== undefined;
    });
  });

  describe('bundles', () => {
    let ca: string;
    let token: string;

    before(async () => {
      ca = await until('the CA', async () => {
        const { data } = await server.get<{ data: { 'ca.crt': string } }>('configmap', 'cairn-ca', '-n', 'research');
        return data['ca.crt'];
      });
      token = await server.serviceAccountToken('research', 'default', { pod: 'planner', audience: 'cairn.dev' });
    });

    const ask = (replica: OperatorProcess, seen?: string, wait?: number): Promise<Answer> =>
      replica.ask(`/v1/bundle${wait ? `?wait=${wait}` : ''}`, { ca, token, ...(seen ? { headers: { 'if-none-match': seen } } : {}) });
    const depth = ({ body }: Answer): number => (JSON.parse(body) as Bundle).policies[0]!.spec.identity.maxDepth;

    test('every replica answers the same', async () => {
      const [one, two] = await Promise.all(replicas.map((each) => ask(each)));
      assert.deepEqual([one!.status, two!.status], [200, 200], one!.body);
      assert.equal(one!.headers['etag'], two!.headers['etag']);
      assert.equal(depth(one!), 4);
    });

    test('a change reaches sidecars that wait within two seconds, at every replica', async () => {
      const seen = (await ask(replicas[0]!)).headers['etag'] as string;
      const waiting = replicas.map((each) => ask(each, seen, 30));
      await until('both to wait', async () => {
        const counts = await Promise.all(replicas.map((each) => each.metric('cairn_operator_waiters')));
        return counts.every((count) => count === 1);
      });
      const patch = JSON.stringify({ spec: { identity: { maxDepth: 3 } } });
      await server.kubectl(['patch', 'auditpolicy', 'team', '-n', 'research', '--type=merge', '-p', patch]);
      const changed = performance.now();
      const answers = await Promise.all(waiting);
      assert.ok(performance.now() - changed < 2000);
      assert.deepEqual(answers.map(depth), [3, 3]);
    });

    test('a version that does not hold leaves the last good one in force, and the policy says so', async () => {
      // The webhook would refuse it: as if it had been stored by an older version, or while the webhook was gone.
      await server.kubectl(['delete', 'validatingwebhookconfiguration', 'cairn']);
      const wrong = JSON.stringify({ spec: { rules: [{ name: 'r', match: {}, when: 'nonsense(', action: 'Deny' }] } });
      await server.kubectl(['patch', 'auditpolicy', 'team', '-n', 'research', '--type=merge', '-p', wrong]);
      await untilConditions('team', { Ready: 'False/InvalidKeptPrevious', Accepted: 'False/InvalidKeptPrevious' });
      const answer = await ask(replicas[1]!);
      assert.deepEqual([answer.status, depth(answer)], [200, 3]);
      // One that starts now never saw the version that held: it is in the policy's status.
      const later = await start('cairn-operator-later');
      const served = await ask(later);
      assert.deepEqual([served.status, depth(served)], [200, 3], served.body);
      await later.stop('SIGTERM');
      await server.kubectl([
        'patch',
        'auditpolicy',
        'team',
        '-n',
        'research',
        '--type=merge',
        '-p',
        JSON.stringify({ spec: { rules: [] } }),
      ]);
      await untilConditions('team', { Ready: 'True/InForce' });
    });

    test("a pod that is gone, or a token that is not a pod's, gets nothing", async () => {
      const plain = await server.serviceAccountToken('research', 'default', { audience: 'cairn.dev' });
      assert.equal((await replicas[0]!.ask('/v1/bundle', { ca, token: plain })).status, 401);
      await server.apply([agentPod('short')]);
      const short = await server.serviceAccountToken('research', 'default', { pod: 'short', audience: 'cairn.dev' });
      assert.equal((await replicas[0]!.ask('/v1/bundle', { ca, token: short })).status, 200);
      await server.kubectl(['delete', 'pod', 'short', '-n', 'research', '--grace-period=0', '--force']);
      await until('the refusal', async () => (await replicas[0]!.ask('/v1/bundle', { ca, token: short })).status === 401);
    });
  });

  test('when the leader is killed the other one leads, and goes on where it stood', async () => {
    const [leader] = await leaders();
    const other = replicas.find((each) => each !== leader)!;
    await leader!.stop('SIGKILL');
    await server.kubectl(['create', 'namespace', 'later']);
    await server.kubectl(['label', 'namespace', 'later', 'cairn.dev/enroll=true']);
    await until('its default-deny', () => server.get('networkpolicy', 'cairn-default-deny', '-n', 'later'), 60_000);
    assert.equal(await other.metric('cairn_operator_leader'), 1);
    replicas = [other, await start('cairn-operator-three')];
    assert.equal((await leaders()).length, 1);
  });

  test('an API server that is killed and comes back finds both at work', async () => {
    await server.kill9();
    await until('the leader to stand back', async () => (await leaders()).length === 0, 60_000);
    await server.restart();
    await server.apply([policy('late', { selector: { matchLabels: { team: 'late' } } })]);
    await untilConditions('late', { Ready: 'True/InForce' });
    assert.equal((await leaders()).length, 1);
  });

  test('a leader that is told to stop hands over and ends in order', async () => {
    const [leader] = await leaders();
    const other = replicas.find((each) => each !== leader)!;
    assert.equal(await leader!.stop('SIGTERM'), 0);
    await until('the other', async () => (await other.metric('cairn_operator_leader')) === 1, 10_000);
    assert.match(leader!.log(), /operator stopped/);
    assert.doesNotMatch(leader!.log(), /Bearer|eyJ/);
  });

  test('a namespace that is enrolled no longer is opened again', async () => {
    await server.kubectl(['label', 'namespace', 'research', 'cairn.dev/enroll-']);
    await until('its fences to go', async () => Object.keys(await networkPolicies()).length === 0);
    await untilConditions('team', { Fenced: 'False/NotEnrolled' });
  });
});
