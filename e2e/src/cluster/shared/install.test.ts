/** Given a cluster, install Cairn as docs/install.md says, and see that it is ready, says so itself, and can be installed over itself. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { installCairn, type CairnInstallation } from '../../harness/cluster/cairn.js';
import { attachCluster, type Cluster } from '../../harness/cluster/index.js';

interface Pods {
  items: { metadata: { uid: string }; status: { phase: string; containerStatuses: { ready: boolean; restartCount: number }[] } }[];
}

describe('Cairn installed by Helm on a real node', () => {
  let cluster: Cluster;
  let cairn: CairnInstallation;
  const replicas = async (): Promise<Pods['items']> => {
    const { items } = await cluster.get<Pods>('pods', '-n', cairn.namespace, '-l', 'app.kubernetes.io/component=operator');
    return items;
  };
  before(async () => {
    cluster = await attachCluster();
    cairn = await installCairn(cluster);
  });

  test('both replicas are ready, under Pod Security restricted', async () => {
    const pods = await replicas();
    assert.equal(pods.length, 2);
    assert.ok(pods.every(({ status }) => status.phase === 'Running' && status.containerStatuses.every(({ ready }) => ready)));
    const { metadata } = await cluster.get<{ metadata: { labels: Record<string, string> } }>('namespace', cairn.namespace);
    assert.equal(metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted');
  });

  test('helm test asks through the Service, past the network policies', async () => {
    const said = await cairn.helm(['test', 'cairn', '--namespace', cairn.namespace, '--timeout', '2m']);
    assert.match(said, /Phase:\s+Succeeded/);
  });

  test('installed again with the same values nothing rolls', async () => {
    const uids = (pods: Pods['items']): string[] => pods.map(({ metadata }) => metadata.uid).toSorted();
    const first = uids(await replicas());
    await installCairn(cluster);
    assert.deepEqual(uids(await replicas()), first);
  });

  test('its public keys are to be had for the trust of a ledger', async () => {
    const { issuer, jwks } = JSON.parse(await cairn.trust()) as { issuer: string; jwks: { keys: Record<string, string>[] } };
    assert.equal(issuer, 'https://cairn-operator.cairn-system.svc:8443');
    assert.ok(jwks.keys.length > 0 && jwks.keys.every((key) => key['kid'] && key['d'] === undefined));
  });
});
