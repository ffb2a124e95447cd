import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicies, type AuditPolicy } from '@cairn/crds';
import type { Service } from '../../kubernetes/index.js';
import { ingressOf, type IngressFence, type IngressView } from './ingress.js';
import { NAME_CHARACTERS, PEERS_COUNT } from './limits.js';

const service = (name: string, selector: Record<string, string>, asked?: string): Service => ({
  metadata: { namespace: 'data', name, ...(asked === undefined ? {} : { annotations: { 'cairn.dev/ingress': asked } }) },
  spec: { clusterIP: '10.96.0.7', selector, ports: [{ port: 5432, targetPort: 'sql' }] },
});

const ORDERS = service('orders', { app: 'pg' }, 'agents');
const REPLICAS = service('replicas', { role: 'replica', app: 'pg' });
const OTHER = service('other', { app: 'other' });

function policy(name: string, host: string, namespace = 'lab'): AuditPolicy {
  const target = `{name: db, protocol: postgres, hosts: [${host}], port: 5432}`;
  const text = `apiVersion: cairn.dev/v1alpha1\nkind: AuditPolicy\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {selector: {matchLabels: {team: ${name}}}, targets: [${target}]}\n`;
  const { policies, problems } = parsePolicies(text, 'policy.yaml');
  assert.deepEqual(problems, []);
  return policies[0]!;
}

function ingress(policies: readonly AuditPolicy[], more: Partial<IngressView> = {}): IngressFence {
  const services = [ORDERS, REPLICAS, OTHER];
  const cluster = {
    service: (namespace: string, name: string) =>
      services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
    serviceAt: () => undefined,
    endpoints: () => undefined,
  };
  const enrolled = [{ namespace: 'lab', policies, namedBy: new Map<string, readonly string[]>() }];
  return ingressOf({ services: [ORDERS], enrolled, cluster, brokers: [], operatorNamespace: 'cairn-system', ...more });
}

const lab = { matchLabels: { 'kubernetes.io/metadata.name': 'lab' } };
const agents = (team: string): object => ({
  namespaceSelector: lab,
  podSelector: { matchLabels: { team }, matchExpressions: [{ key: 'cairn.dev/agent', operator: 'Exists' }] },
});
const ports = [{ port: 'sql', protocol: 'TCP' }];

test('nothing is fenced that nobody asked for', () => {
  assert.deepEqual(ingress([policy('a', 'orders.data.svc')], { services: [] }), { networkPolicies: [], notes: [] });
});

test('pods behind an annotated Service are reached by agents whose policies declare it, on its port, and by nobody else', () => {
  const { networkPolicies, notes } = ingress([
    policy('a', 'orders.data.svc'),
    policy('b', 'orders.data.svc'),
    policy('c', 'other.data.svc'),
  ]);
  assert.deepEqual(
    networkPolicies.map(({ metadata, spec }) => [metadata.namespace, metadata.name, spec]),
    [
      [
        'data',
        'cairn-ingress-orders',
        {
          podSelector: { matchLabels: { app: 'pg' } },
          policyTypes: ['Ingress'],
          ingress: [{ from: [agents('a'), agents('b')], ports }],
        },
      ],
    ],
  );
  assert.deepEqual(
    notes.map(({ type, reason, fence }) => [type, reason, fence]),
    [['Normal', 'IngressFenced', 'cairn-ingress-orders']],
  );
});

test('before any policy declares it nobody reaches it', () => {
  assert.deepEqual(ingress([]).networkPolicies[0]!.spec!.ingress, []);
});

test('agents that name their policy by annotation come in by their names', () => {
  const enrolled = [{ namespace: 'lab', policies: [policy('a', 'orders.data.svc')], namedBy: new Map([['a', ['writer', 'planner']]]) }];
  const [rule] = ingress([], { enrolled }).networkPolicies[0]!.spec!.ingress!;
  const named = { matchExpressions: [{ key: 'cairn.dev/agent', operator: 'In', values: ['planner', 'writer'] }] };
  assert.deepEqual(rule!.from, [agents('a'), { namespaceSelector: lab, podSelector: named }]);
});

test('another Service that leads to some of the same pods opens those alone', () => {
  const { networkPolicies } = ingress([policy('a', 'replicas.data.svc')]);
  const found = networkPolicies.map(({ metadata, spec }) => [
    metadata.name!.replace(/[0-9a-f]{8}$/, 'HASH'),
    spec!.podSelector,
    spec!.ingress,
  ]);
  assert.deepEqual(found, [
    ['cairn-ingress-orders', { matchLabels: { app: 'pg' } }, []],
    ['cairn-ingress-orders.HASH', { matchLabels: { app: 'pg', role: 'replica' } }, [{ from: [agents('a')], ports }]],
  ]);
});

test("Kafka's pods are reached by every agent's sidecar", () => {
  const brokers = [{ host: 'orders.data.svc', port: 5432 }];
  const [rule] = ingress([], { brokers }).networkPolicies[0]!.spec!.ingress!;
  assert.deepEqual(rule!.from![0]!.namespaceSelector, { matchLabels: { 'cairn.dev/enroll': 'true' } });
});

const unfenced: [what: string, service: Service, message: RegExp][] = [
  ['a value that we do not know', service('orders', { app: 'pg' }, 'everybody'), /takes the value agents/],
  ['a Service without selector', service('orders', {}, 'agents'), /without selector/],
];
for (const [what, given, message] of unfenced) {
  test(`${what} fences nothing, and its owner is told`, () => {
    const { networkPolicies, notes } = ingress([policy('a', 'orders.data.svc')], { services: [given] });
    assert.deepEqual([networkPolicies, notes[0]!.type, notes[0]!.reason], [[], 'Warning', 'IngressNotFenced']);
    assert.match(notes[0]!.note, message);
  });
}

test('as many ways as one fence takes are opened; one more fences nothing, and is told', () => {
  const many = (count: number): AuditPolicy[] => Array.from({ length: count }, (_, n) => policy(`p${n}`, 'orders.data.svc'));
  assert.equal(ingress(many(PEERS_COUNT)).networkPolicies[0]!.spec!.ingress![0]!.from!.length, PEERS_COUNT);
  assert.deepEqual(ingress(many(PEERS_COUNT + 1)).networkPolicies, []);
});

test("a Service's name always makes one that fits", () => {
  const long = service('a'.repeat(NAME_CHARACTERS), { app: 'pg' }, 'agents');
  assert.equal(ingress([], { services: [long] }).networkPolicies[0]!.metadata.name!.length, NAME_CHARACTERS);
});

test('in strict mode the gateway arrives in the place of the agents that handed over to it, at the target and at Kafka', () => {
  const direct = policy('a', 'orders.data.svc');
  const strict: AuditPolicy = { ...policy('b', 'orders.data.svc'), spec: { ...policy('b', 'orders.data.svc').spec, egress: 'Gateway' } };
  const gateway = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'cairn-system' } },
    podSelector: { matchLabels: { 'app.kubernetes.io/name': 'cairn', 'app.kubernetes.io/component': 'gateway' } },
  };
  const [alone] = ingress([strict]).networkPolicies;
  assert.deepEqual(alone!.spec!.ingress, [{ from: [gateway], ports }]);
  const [beside] = ingress([direct, strict]).networkPolicies;
  assert.deepEqual(beside!.spec!.ingress, [{ from: [agents('a'), gateway], ports }]);
  const [kafka] = ingress([strict], { brokers: [{ host: 'orders.data.svc', port: 5432 }] }).networkPolicies;
  assert.ok(kafka!.spec!.ingress!.some(({ from }) => from!.length === 2));
});
