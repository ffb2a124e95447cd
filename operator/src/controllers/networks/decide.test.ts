import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicies, type AuditPolicy } from '@cairn/crds';
import type { NetworkPolicy, Service } from '../../kubernetes/index.js';
import { DEFAULT_DENY, fenceName, fenceOf, GATEWAY_TARGETS, gatewayFence, type Fence, type NamespaceView } from './decide.js';
import { destinationOf, type Cluster, type Destination } from './destination.js';
import { brokersOf } from './gather.js';
import { NAME_CHARACTERS, PEERS_COUNT } from './limits.js';

const service = (namespace: string, name: string, spec: NonNullable<Service['spec']>): Service => ({ metadata: { namespace, name }, spec });

const SERVICES = [
  service('data', 'orders', { clusterIP: '10.96.0.7', selector: { app: 'pg' }, ports: [{ port: 5432, targetPort: 'sql' }] }),
  service('data', 'plain', { clusterIP: '10.96.0.8', selector: { app: 'plain' }, ports: [{ port: 80 }] }),
  service('data', 'headless', { clusterIP: 'None', selector: { app: 'kafka' }, ports: [{ port: 9000, targetPort: 1234 }] }),
  service('default', 'kubernetes', { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443 }] }),
  service('lab', 'local', { clusterIP: '10.96.0.9', selector: { app: 'local' }, ports: [{ port: 8080, targetPort: 8080 }] }),
  service('lab', 'alias', { type: 'ExternalName', externalName: 'crm.example.com' }),
  service('lab', 'inner', { type: 'ExternalName', externalName: 'orders.data.svc.cluster.local' }),
  service('lab', 'circle', { type: 'ExternalName', externalName: 'circle.lab.svc' }),
  service('lab', 'empty', { clusterIP: '10.96.0.10', ports: [{ port: 80 }] }),
];

const CLUSTER: Cluster = {
  service: (namespace, name) => SERVICES.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  serviceAt: (address) => SERVICES.find(({ spec }) => spec?.clusterIP === address),
  endpoints: ({ metadata }) => (metadata.name === 'kubernetes' ? { addresses: ['192.0.2.10', '2001:db8::10'], port: 6443 } : undefined),
};

const orders: Destination = { kind: 'pods', namespace: 'data', labels: { app: 'pg' }, port: 'sql' };

const destinations: [host: string, port: number, expected: Destination | string][] = [
  ['orders.data.svc', 5432, orders],
  ['orders.data.svc.cluster.local', 5432, orders],
  ['Orders.Data.SVC.', 5432, orders],
  ['orders.data', 5432, orders],
  ['10.96.0.7', 5432, orders],
  ['plain.data.svc', 80, { kind: 'pods', namespace: 'data', labels: { app: 'plain' }, port: 80 }],
  ['headless.data.svc', 1234, { kind: 'pods', namespace: 'data', labels: { app: 'kafka' }, port: 1234 }],
  ['local', 8080, { kind: 'pods', namespace: 'lab', labels: { app: 'local' }, port: 8080 }],
  ['kubernetes.default.svc', 443, { kind: 'addresses', blocks: [{ cidr: '192.0.2.10/32' }, { cidr: '2001:db8::10/128' }], port: 6443 }],
  ['203.0.113.5', 443, { kind: 'addresses', blocks: [{ cidr: '203.0.113.5/32' }], port: 443 }],
  ['[2001:db8::5]', 443, { kind: 'addresses', blocks: [{ cidr: '2001:db8::5/128' }], port: 443 }],
  ['crm.example.com', 443, { kind: 'public', port: 443 }],
  ['example.com', 443, { kind: 'public', port: 443 }],
  ['alias', 443, { kind: 'public', port: 443 }],
  ['inner', 5432, orders],
  ['orders.data.svc', 5433, 'Service data/orders has no port 5433, it has 5432'],
  ['absent.data.svc', 80, 'there is no Service data/absent'],
  ['absent', 80, 'there is no Service lab/absent'],
  ['circle', 80, 'there is no Service lab/circle'],
  ['empty', 80, 'Service lab/empty has no endpoints'],
];

for (const [host, port, expected] of destinations) {
  test(`${host}:${port} lies ${typeof expected === 'string' ? 'nowhere' : `behind ${expected.kind}`}`, () => {
    const found = destinationOf(host, port, 'lab', CLUSTER);
    if (typeof expected !== 'string') assert.deepEqual(found, expected);
    else assert.equal(found.kind === 'closed' && found.message, expected);
  });
}

test('as many endpoints as one rule takes are opened, one more closes the target and is told', () => {
  const many = (count: number): Cluster => ({
    ...CLUSTER,
    endpoints: () => ({ addresses: Array.from({ length: count }, (_, n) => `192.0.2.${n % 256}`), port: 80 }),
  });
  assert.equal(destinationOf('empty', 80, 'lab', many(PEERS_COUNT)).kind, 'addresses');
  const over = destinationOf('empty', 80, 'lab', many(PEERS_COUNT + 1));
  assert.equal(over.kind === 'closed' && over.reason, 'TooManyEndpoints');
});

function policy(spec: string, name = 'research'): AuditPolicy {
  const text = `apiVersion: cairn.dev/v1alpha1\nkind: AuditPolicy\nmetadata: {name: ${name}, namespace: lab}\nspec: ${spec}\n`;
  const { policies, problems } = parsePolicies(text, 'policy.yaml');
  assert.deepEqual(problems, []);
  return policies[0]!;
}

function viewOf(policies: AuditPolicy[], more: Partial<NamespaceView> = {}): NamespaceView {
  return {
    namespace: 'lab',
    enrolled: true,
    policies,
    namedBy: new Map(),
    cluster: CLUSTER,
    operatorNamespace: 'cairn-system',
    gatewayPort: undefined,
    brokers: [],
    ...more,
  };
}

function fence(policies: AuditPolicy[], more: Partial<NamespaceView> = {}): Fence {
  return fenceOf(viewOf(policies, more));
}

const TARGET =
  '{selector: {matchLabels: {team: x}}, targets: [{name: db, protocol: postgres, hosts: [orders.data.svc, 10.96.0.7], port: 5432}]}';

function named({ networkPolicies }: Fence, name: string): NetworkPolicy['spec'] {
  return networkPolicies.find(({ metadata }) => metadata.name === name)?.spec;
}

function reason({ observations }: Fence): string[] {
  const { status, reason: why } = observations.get('research')!;
  return [status, why];
}

test('an enrolled namespace is closed before it has any policy, another is left alone', () => {
  const closed = fence([]);
  assert.deepEqual(named(closed, DEFAULT_DENY), { podSelector: {}, policyTypes: ['Egress'] });
  const open = fence([policy(TARGET)], { enrolled: false });
  assert.deepEqual(open.networkPolicies, []);
  assert.deepEqual(reason(open), ['False', 'NotEnrolled']);
});

test('agents of a policy reach DNS, the operator and each target once, and nothing else', () => {
  const result = fence([policy(TARGET)]);
  const kube = { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } };
  const system = { matchLabels: { 'kubernetes.io/metadata.name': 'cairn-system' } };
  const operator = { matchLabels: { 'app.kubernetes.io/name': 'cairn', 'app.kubernetes.io/component': 'operator' } };
  assert.deepEqual(named(result, 'cairn-agents-research'), {
    podSelector: { matchLabels: { team: 'x' }, matchExpressions: [{ key: 'cairn.dev/agent', operator: 'Exists' }] },
    policyTypes: ['Egress'],
    egress: [
      {
        to: [{ namespaceSelector: kube, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      },
      { to: [{ namespaceSelector: system, podSelector: operator }], ports: [{ port: 8443, protocol: 'TCP' }] },
      {
        to: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'data' } },
            podSelector: { matchLabels: { app: 'pg' } },
          },
        ],
        ports: [{ port: 'sql', protocol: 'TCP' }],
      },
    ],
  });
  assert.deepEqual(reason(result), ['True', 'TargetsOnly']);
});

test('a host outside opens its port to public addresses alone, and the status says so', () => {
  const result = fence([policy('{targets: [{name: crm, protocol: http, hosts: [crm.example.com], port: 443}]}')]);
  const blocks = named(result, 'cairn-agents-research')!
    .egress!.at(-1)!
    .to!.map(({ ipBlock }) => ipBlock!);
  assert.deepEqual(
    blocks.map(({ cidr }) => cidr),
    ['0.0.0.0/0', '2000::/3'],
  );
  for (const each of ['10.0.0.0/8', '169.254.0.0/16', '127.0.0.0/8', '100.64.0.0/10']) assert.ok(blocks[0]!.except!.includes(each));
  assert.deepEqual(reason(result), ['True', 'PublicPorts']);
  assert.match(result.observations.get('research')!.message, /crm\.example\.com:443/);
});

test('what leads nowhere stays closed and is told; what a policy lets pass to anywhere is open', () => {
  const nowhere = fence([policy('{targets: [{name: db, protocol: postgres, hosts: [absent.data.svc], port: 5432}]}')]);
  assert.equal(named(nowhere, 'cairn-agents-research')!.egress!.length, 2);
  assert.deepEqual(reason(nowhere), ['False', 'TargetsClosed']);
  const open = fence([policy('{undeclared: Record}')]);
  assert.deepEqual(named(open, 'cairn-agents-research')!.egress, [{}]);
  assert.deepEqual(reason(open), ['False', 'EgressOpen']);
});

const STRICT = TARGET.replace('{selector', '{egress: Gateway, selector');
const GATEWAY = { 'app.kubernetes.io/name': 'cairn', 'app.kubernetes.io/component': 'gateway' };

test('in strict mode agents reach DNS, the operator and the gateway, whatever their policy declares', () => {
  for (const spec of [STRICT, STRICT.replace('targets:', 'undeclared: Record, targets:')]) {
    const result = fence([policy(spec)], { gatewayPort: 8444 });
    const { egress } = named(result, 'cairn-agents-research')!;
    assert.deepEqual(
      egress!.map(({ ports }) => ports![0]!.port),
      [53, 8443, 8444],
    );
    assert.deepEqual(egress![2]!.to![0]!.podSelector, { matchLabels: GATEWAY });
    assert.deepEqual(reason(result), ['True', 'GatewayOnly']);
  }
});

test('in strict mode without a gateway agents reach no target, and the status says why', () => {
  const result = fence([policy(STRICT)]);
  assert.equal(named(result, 'cairn-agents-research')!.egress!.length, 2);
  assert.deepEqual(reason(result), ['False', 'NoGateway']);
});

test("the gateway's pods reach the targets of strict policies of enrolled namespaces, each once, and Kafka", () => {
  const brokers = [{ host: 'headless.data.svc', port: 1234 }];
  const strict = viewOf([policy(STRICT), policy(STRICT, 'second'), policy(TARGET, 'direct')], { gatewayPort: 8444, brokers });
  const own = viewOf([], { namespace: 'cairn-system', enrolled: false, brokers });
  const [made, ...others] = gatewayFence([strict, viewOf([policy(STRICT)], { enrolled: false })], own);
  assert.deepEqual([made!.metadata.name, made!.metadata.namespace, others], [GATEWAY_TARGETS, 'cairn-system', []]);
  assert.deepEqual(made!.spec!.podSelector, { matchLabels: GATEWAY });
  assert.deepEqual(
    made!.spec!.egress!.map(({ ports }) => ports![0]!.port),
    ['sql', 1234],
  );
  assert.deepEqual(gatewayFence([viewOf([policy(TARGET)])], viewOf([])), []);
  const open = gatewayFence([viewOf([policy('{egress: Gateway, undeclared: Record}')])], own);
  assert.deepEqual(open[0]!.spec!.egress, [{}]);
});

test('once no policy is strict any more, the gateway ships what it has recorded', () => {
  const own = viewOf([], { namespace: 'cairn-system', enrolled: false, brokers: [{ host: 'headless.data.svc', port: 1234 }] });
  const [left] = gatewayFence([], own);
  assert.deepEqual([left!.metadata.name, left!.metadata.namespace], [GATEWAY_TARGETS, 'cairn-system']);
  assert.deepEqual(
    left!.spec!.egress!.map(({ ports }) => ports![0]!.port),
    [1234],
  );
});

test('agents that name a policy which does not select them get its ways by name', () => {
  const result = fence([policy(TARGET)], { namedBy: new Map([['research', ['writer', 'planner']]]) });
  const spec = named(result, 'cairn-agents-research.named')!;
  assert.deepEqual(spec.podSelector, { matchExpressions: [{ key: 'cairn.dev/agent', operator: 'In', values: ['planner', 'writer'] }] });
  assert.deepEqual(spec.egress, named(result, 'cairn-agents-research')!.egress);
});

test('Kafka is reached where the sidecars are told it is', () => {
  const brokers = brokersOf('headless.data.svc:1234, [2001:db8::9]:9092,nonsense');
  assert.deepEqual(brokers, [
    { host: 'headless.data.svc', port: 1234 },
    { host: '[2001:db8::9]', port: 9092 },
  ]);
  const { egress } = named(fence([policy('{}')], { brokers }), 'cairn-agents-research')!;
  assert.deepEqual(
    egress!.slice(2).map(({ ports }) => ports![0]!.port),
    [1234, 9092],
  );
});

test('every name fits, and long ones stay apart', () => {
  const long = 'a'.repeat(NAME_CHARACTERS);
  assert.equal(fenceName('a'.repeat(NAME_CHARACTERS - 'cairn-agents-'.length)).length, NAME_CHARACTERS);
  assert.equal(fenceName(long).length, NAME_CHARACTERS);
  assert.notEqual(fenceName(long), fenceName(`${long}b`));
});
