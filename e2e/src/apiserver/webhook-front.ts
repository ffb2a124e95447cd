/** The webhook's Service as tests have it: one address before all replicas, told to the API server. */
import { connect, createServer, type AddressInfo } from 'node:net';
import type { ApiServer, Scope } from '../harness/kubernetes/index.js';
import { until } from '../harness/until.js';

interface Configuration {
  webhooks: { name: string; clientConfig: { url?: string; caBundle?: string; service?: { path: string } } }[];
}

const KINDS = ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration'] as const;

/** Connections go to the first port that takes them. Resolves to the base URL. */
export async function startFront(scope: Scope, ports: () => readonly number[]): Promise<string> {
  const server = createServer((near) => {
    const dial = (rest: readonly number[]): void => {
      const [port, ...more] = rest;
      if (port === undefined) return void near.destroy();
      const far = connect(port, '127.0.0.1');
      far.once('error', () => dial(more));
      far.once('connect', () => {
        far.removeAllListeners('error').on('error', () => near.destroy());
        near.pipe(far).pipe(near);
      });
      near.once('close', () => far.destroy());
    };
    near.on('error', () => undefined);
    dial(ports());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.after(async () => void server.close());
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Leads the chart's webhooks to `base`, once the operator has told the API server which CA to trust. */
export async function connectWebhooks(server: ApiServer, base: string): Promise<void> {
  for (const kind of KINDS) {
    const { webhooks } = await until(`the CA in ${kind}`, async () => {
      const found = await server.get<Configuration>(kind, 'cairn');
      return found.webhooks.every(({ clientConfig }) => clientConfig.caBundle) && found;
    });
    const patch = webhooks.map(({ clientConfig: { service, caBundle } }, index) => ({
      op: 'replace',
      path: `/webhooks/${index}/clientConfig`,
      value: { url: base + service!.path, caBundle },
    }));
    await server.kubectl(['patch', kind, 'cairn', '--type=json', '-p', JSON.stringify(patch)]);
  }
}
