import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { install, repositoryFile, type Installation } from './installation.js';
import { RESEARCH, type StoredPod } from './research.js';
import { until } from '../harness/until.js';

interface Conditioned {
  metadata: { generation: number };
  status?: { conditions?: { type: string; status: string; observedGeneration?: number; message: string }[] };
}
interface Named {
  metadata: { name: string };
}
interface List<T> {
  items: T[];
}

const FILES = ['namespace', 'identity', 'secrets', 'policy', 'agents'] as const;

describe('an installation by Helm, and the examples in it', () => {
  let cairn: Installation;
  let alice: string;
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    cairn = await install({ after: (end) => void ends.push(end) });
    const { server } = cairn;
    alice = await server.user('alice@example.com', ['research']);
    await server.kubectl(['create', 'clusterrolebinding', 'alice', '--clusterrole=cluster-admin', '--user=alice@example.com']);
    for (const file of FILES) {
      await server.apply(readFileSync(repositoryFile(`examples/research/${file}.yaml`), 'utf8'), { as: alice });
    }
  });
  after(async () => {
    for (const end of ends) await end();
  });

  test('every pod of the examples comes up with its sidecar first and the stamp of who applied them', async () => {
    const pods = await until('three pods', async () => {
      const { items } = await cairn.server.get<List<StoredPod>>('pods', '-n', RESEARCH);
      return items.length === 3 && items;
    });
    for (const { metadata, spec } of pods) {
      assert.deepEqual(
        spec.initContainers?.map(({ name }) => name),
        ['cairn-capture', 'cairn-sidecar'],
        metadata.name,
      );
      assert.match(metadata.annotations?.['cairn.dev/grant'] ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/);
      assert.equal(metadata.labels?.['cairn.dev/agent'], metadata.labels?.['app']);
    }
    const secrets = pods.map(({ spec }) => JSON.stringify(spec.containers)).join();
    assert.doesNotMatch(secrets, /orders-rw|cairn-token|cairn-credential/, 'agents mount no credential');
  });

  test('the policy says that it is in force, and for which generation', async () => {
    await until('the condition', async () => {
      const { metadata, status } = await cairn.server.get<Conditioned>('auditpolicy', 'research', '-n', RESEARCH);
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      return ready?.status === 'True' && ready.observedGeneration === metadata.generation;
    });
  });

  test('the namespace is closed, and open to what the policy declares', async () => {
    const names = await until('the policies of the network', async () => {
      const { items } = await cairn.server.get<List<Named>>('networkpolicies', '-n', RESEARCH);
      return items.length >= 2 && items.map(({ metadata }) => metadata.name).toSorted();
    });
    assert.deepEqual(names, ['cairn-agents-research', 'cairn-default-deny']);
  });

  test('a pod that cannot be held to the policy is refused with a sentence that says how to mend it', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: RESEARCH, labels: { team: 'research' } },
      spec: { hostNetwork: true, containers: [{ name: 'p', image: 'registry.example/p:1' }] },
    };
    const { stderr } = await cairn.server.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(pod), as: alice });
    assert.match(stderr, /hostNetwork.*(remove|set|leave|take)/is);
  });

  test('an upgrade keeps everything at work, and an uninstall keeps the record', async () => {
    const { server } = cairn;
    await server.helm(['upgrade', 'cairn', repositoryFile('charts/cairn'), '-n', 'cairn-system', '--set', 'logLevel=debug']);
    await server.kubectl(['rollout', 'restart', 'deployment/planner', '-n', RESEARCH], { as: alice });
    await until('the new pod', async () => {
      const { items } = await server.get<List<StoredPod>>('pods', '-n', RESEARCH, '-l', 'app=planner');
      return items.some(({ metadata }) => metadata.annotations?.['kubectl.kubernetes.io/restartedAt']);
    });
    await server.helm(['uninstall', 'cairn', '-n', 'cairn-system']);
    await server.get('auditpolicy', 'research', '-n', RESEARCH);
  });
});
