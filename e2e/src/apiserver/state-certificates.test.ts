import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { certificateCaches, certificatesController, kubernetes } from '@cairn/operator';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { following, runController } from './state-controllers.js';
import { prepare, startReplicas, startWebhook } from './state-replicas.js';
import { until } from '../harness/until.js';

const LIFETIMES = { caSeconds: 3, leafSeconds: 600, overlapSeconds: 2 };
const NAME = 'cairn-operator.cairn-system.svc';

/** Connects as a sidecar does, with the CA that its namespace has, and resolves to the certificate that is served. */
function handshake(port: number, ca: string): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: NAME }, () => {
      resolve(socket.getPeerX509Certificate()!);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe("the operator's certificates, on a real API server", () => {
  const shared = sharedApiServer({ controllerManager: false });
  before(() => prepare(shared()));

  test('a CA takes over from another without a failed handshake of sidecars or of the API server', async (t) => {
    const { one, client } = await startReplicas(t, shared());
    const { serving, port } = await startWebhook(t, shared(), client, one.state.keys(), LIFETIMES);
    const log = (): void => undefined;
    const caches = certificateCaches(client, 'cairn', log);
    for (const reflector of Object.values(caches)) await following(t, reflector);
    const namespaces = await following(t, new kubernetes.Reflector(client, kubernetes.NAMESPACES));
    const { names, lifetimes } = serving.terms;
    const view = { ...caches, namespaces };
    runController(
      t,
      certificatesController({ client, namespace: 'cairn-system', names, lifetimes, view, secrets: serving.secrets, log, lookMs: 100 }),
    );
    const copy = async (): Promise<string> =>
      (await client.get(kubernetes.CONFIG_MAPS, { namespace: 'research', name: 'cairn-ca' }))?.data?.['ca.crt'] ?? '';
    await until("the CA in the agents' namespace", async () => (await copy()) !== '');

    const issuers = new Set<string>();
    const failures: string[] = [];
    const failed = (error: Error): void => void failures.push(error.message);
    const first = (await handshake(port, await copy())).issuer;
    await until(
      'two more CAs to have signed',
      async () => {
        const annotated = { metadata: { annotations: { at: String(performance.now()) } } };
        await Promise.all([
          copy()
            .then((ca) => handshake(port, ca))
            .then(({ issuer }) => issuers.add(issuer), failed),
          client.mergePatch(probeResource, probe, annotated).catch(failed),
        ]);
        return issuers.size >= 3;
      },
      60_000,
    );
    assert.deepEqual(failures, []);
    assert.ok(issuers.has(first));
    await until('the first CA to be trusted no more', async () => {
      const trusted = [...(await copy()).matchAll(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)].map(
        ([pem]) => new X509Certificate(pem).subject,
      );
      return !trusted.includes(first);
    });
  });

  test('a copy of the CA, or a caBundle, that somebody changes is put right', async (t) => {
    const { one, client } = await startReplicas(t, shared());
    const { serving } = await startWebhook(t, shared(), client, one.state.keys());
    const log = (): void => undefined;
    const caches = certificateCaches(client, 'cairn', log);
    for (const reflector of Object.values(caches)) await following(t, reflector);
    const namespaces = await following(t, new kubernetes.Reflector(client, kubernetes.NAMESPACES));
    const view = { ...caches, namespaces };
    runController(t, certificatesController({ client, namespace: 'cairn-system', ...serving.terms, view, secrets: serving.secrets, log }));
    const inNamespace = async (namespace: string): Promise<string | undefined> =>
      (await client.get(kubernetes.CONFIG_MAPS, { namespace, name: 'cairn-ca' }))?.data?.['ca.crt'];
    await until('the copy', async () => (await inNamespace('research')) === serving.bundle());
    await shared().kubectl(['patch', 'configmap', 'cairn-ca', '-n', 'research', '--type=merge', '-p', '{"data":{"ca.crt":"mine"}}']);
    await until('the copy to be put right', async () => (await inNamespace('research')) === serving.bundle());
    await shared().kubectl(['delete', 'configmap', 'cairn-ca', '-n', 'research']);
    await until('the copy to be back', async () => (await inNamespace('research')) === serving.bundle());
    const patch = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }];
    await shared().kubectl(['patch', 'mutatingwebhookconfiguration', 'cairn', '--type=json', '-p', JSON.stringify(patch)]);
    await until('the caBundle', async () => {
      const found = await shared().get<{ webhooks: { clientConfig: { caBundle?: string } }[] }>('mutatingwebhookconfiguration', 'cairn');
      return Buffer.from(found.webhooks[0]!.clientConfig.caBundle ?? '', 'base64').toString() === serving.bundle();
    });
    await shared().kubectl(['create', 'namespace', 'lab']);
    await shared().kubectl(['label', 'namespace', 'lab', 'cairn.dev/enroll=true']);
    await until('the copy in a namespace that was enrolled', async () => (await inNamespace('lab')) === serving.bundle());
  });
});

/** A write of it asks the webhook, whose certificate the API server then has to trust. */
const probe = { namespace: 'cairn-system', name: 'probe' };
const probeResource = { group: 'cairn.dev', version: 'v1alpha1', plural: 'approvals', kind: 'Approval', namespaced: true } as const;
