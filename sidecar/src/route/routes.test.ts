import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compilePolicy, parsePolicies, type AuditPolicy } from '@cairn/crds';
import { MAX_VIRTUAL_ADDRESSES, normalHost, routeTo, VirtualAddresses } from './routes.js';

const policy = (...targets: string[]): AuditPolicy =>
  parsePolicies(
    `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: p, namespace: n}
spec:
  selector: {}
  targets: [${targets.map((hosts, index) => `{name: t${index}, protocol: http, hosts: [${hosts}], port: 80}`).join(', ')}]
  rules: []
  default: {action: Allow, level: Metadata}
`,
    'p.yaml',
  ).policies[0]!;

const addresses = (...targets: string[]): VirtualAddresses => new VirtualAddresses(policy(...targets).spec);

describe('virtual addresses', () => {
  it('are one for every declared name, and lead back to it', () => {
    const all = addresses('a.example, b.example', 'c.example');
    const given = ['a.example', 'b.example', 'c.example'].map((host) => all.addressOf(host));
    assert.deepEqual(given, ['198.18.0.1', '198.18.0.2', '198.18.0.3']);
    assert.deepEqual(
      given.map((address) => all.hostOf(address ?? '')),
      ['a.example', 'b.example', 'c.example'],
    );
  });

  for (const name of ['A.EXAMPLE', 'a.example.', 'a.example']) {
    it(`know ${name} however it is written`, () => assert.equal(addresses('a.example').addressOf(name), '198.18.0.1'));
  }

  for (const name of ['x.example', '', '.', 'a.example..', '10.0.0.1', '::1']) {
    it(`have none for "${name}"`, () => assert.equal(addresses('a.example, 10.0.0.1, "::1"').addressOf(name), undefined));
  }

  it('stay with their hosts when another policy takes over, and are not given to others', () => {
    const first = addresses('a.example, b.example');
    const second = new VirtualAddresses(policy('c.example, b.example').spec, first);
    assert.equal(second.addressOf('b.example'), first.addressOf('b.example'));
    assert.equal(second.addressOf('c.example'), '198.18.0.3');
    assert.equal(second.hostOf(first.addressOf('a.example')!), undefined);
    const third = new VirtualAddresses(policy('a.example').spec, second);
    assert.equal(third.addressOf('a.example'), '198.18.0.4');
  });

  it('are distinct up to the limit of hosts; one host more is refused', () => {
    const { spec } = policy('a.example');
    const hosts = Array.from({ length: MAX_VIRTUAL_ADDRESSES }, (_, index) => `h${index}.example`);
    const of = (names: string[]): VirtualAddresses => new VirtualAddresses({ ...spec, targets: [{ ...spec.targets[0]!, hosts: names }] });
    const all = of(hosts);
    assert.equal(new Set(hosts.map((host) => all.addressOf(host))).size, MAX_VIRTUAL_ADDRESSES);
    assert.equal(all.addressOf(hosts.at(-1)!), '198.18.253.232');
    assert.throws(() => of([...hosts, 'one.more']), /more than 65000 declared hosts/);
  });
});

describe('routes', () => {
  const declared = policy('a.example', '10.0.0.1');
  const compiled = compilePolicy(declared);
  const virtual = new VirtualAddresses(declared.spec);
  for (const [destination, port, expected] of [
    ['a.example', 80, 't0 a.example'],
    ['A.example.', 80, 't0 a.example'],
    ['198.18.0.1', 80, 't0 a.example'],
    ['10.0.0.1', 80, 't1 10.0.0.1'],
    ['a.example', 81, undefined],
    ['198.18.0.1', 81, undefined],
    ['198.18.0.2', 80, undefined],
    ['x.example', 80, undefined],
  ] as const) {
    it(`${destination}:${port} leads to ${expected ?? 'nothing'}`, () => {
      const route = routeTo(compiled, virtual, destination, port);
      assert.equal(route && `${route.target.name} ${route.host}`, expected);
    });
  }

  it('compare names without case and final dot', () => assert.equal(normalHost('A.Example.'), 'a.example'));
});
