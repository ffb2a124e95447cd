import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { install, type Installation } from './installation.js';
import { NAMESPACE, SERVICE, type Replica } from './replica.js';
import { enroll, RESEARCH } from './research.js';
import { until } from '../harness/until.js';

interface Policy {
  metadata: { name: string; generation: number };
  status?: { observedGeneration?: number; conditions?: { type: string; status: string; observedGeneration?: number }[] };
}

const policy = (index: number, port: number) => ({
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name: `policy-${index}`, namespace: RESEARCH },
  spec: {
    selector: { matchLabels: { number: String(index) } },
    targets: [{ name: 'orders', protocol: 'postgres', hosts: ['orders.data.svc'], port }],
    default: { action: 'Deny', level: 'Metadata' },
    undeclared: 'Deny',
  },
});
const COUNT = 40;
const policies = (port: number) => Array.from({ length: COUNT }, (_, index) => policy(index, port));

describe('an operator with two replicas', () => {
  let cairn: Installation;
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    cairn = await install({ after: (end) => void ends.push(end) }, { replicas: 2 });
    await enroll(cairn.server);
  });
  after(async () => {
    for (const end of ends) await end();
  });

  async function leader(): Promise<Replica> {
    return until('a leader', async () => {
      const { spec } = await cairn.server.get<{ spec: { holderIdentity?: string } }>('lease', SERVICE, '-n', NAMESPACE);
      return cairn.replicas.find(({ name }) => spec.holderIdentity?.startsWith(name));
    });
  }

  /** Every policy says that the controller has seen it as it is now. */
  async function allObserved(): Promise<void> {
    const behind = async (): Promise<string[]> => {
      const { items } = await cairn.server.get<{ items: Policy[] }>('auditpolicies', '-n', RESEARCH);
      assert.equal(items.length, COUNT + 1);
      const seen = ({ metadata, status }: Policy) =>
        status?.conditions?.some((each) => each.type === 'Ready' && each.observedGeneration === metadata.generation);
      return items.filter((each) => !seen(each)).map(({ metadata }) => metadata.name);
    };
    await until('every policy observed', async () => (await behind()).length === 0, 60_000);
  }

  test('serves what each change needs once: one of them leads', async () => {
    await cairn.server.apply(policies(5432), { serverSide: true });
    await allObserved();
    await leader();
  });

  test('loses no change when the leader is killed while it works on many', async () => {
    const first = await leader();
    const applied = cairn.server.apply(policies(5433), { serverSide: true });
    await first.kill();
    await applied;
    await allObserved();
    assert.notEqual((await leader()).name, first.name);
    await cairn.start();
  });

  test('loses no change over a kube-apiserver that is killed, and comes back without its history', async () => {
    const { server } = cairn;
    await server.apply(policies(5434), { serverSide: true });
    await server.kill9();
    await server.restart();
    await server.apply(policies(5435), { serverSide: true });
    await server.compactEtcd();
    await server.restart();
    await allObserved();
    await server.apply(policies(5436), { serverSide: true });
    await allObserved();
  });
});
