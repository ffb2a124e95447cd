/** One replica of the operator: `node operator/dist/main.js` under its own service account, an endpoint of the chart's Service. */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerProcess, type ApiServer } from '../harness/kubernetes/index.js';
import { freePorts } from '../harness/ports.js';

const MAIN = fileURLToPath(new URL('../../../operator/dist/main.js', import.meta.url));
export const NAMESPACE = 'cairn-system';
/** As the chart has it by default. */
export const SIDECAR_IMAGE = 'cairn/sidecar:0.1.0';
export const SERVICE = 'cairn-operator';
const TOKEN_SECONDS = 6 * 3600;

export interface Replica {
  readonly name: string;
  /** `https://ADDRESS:PORT` of the token service; its certificate names the Service. */
  readonly serviceUrl: string;
  /** Metrics and health, plain HTTP. */
  readonly adminUrl: string;
  readonly logFile: string;
  /** SIGTERM, as Kubernetes ends a pod: no endpoint any more, then the signal. */
  stop(): Promise<void>;
  /** SIGKILL, as a node that loses power: the endpoint goes once somebody notices. */
  kill(): Promise<void>;
  /** Ends the process, whatever became of the API server. */
  end(): Promise<void>;
}

/** Of this machine: endpoints may not be on the loopback. */
export function address(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((each) => each && !each.internal && each.family === 'IPv4');
  if (!found)
    throw new Error('the API server reaches the operator at an address that is not the loopback, and this machine has none: add one');
  return found.address;
}

export async function startReplica(server: ApiServer, name: string, env: Readonly<Record<string, string>>): Promise<Replica> {
  const host = address();
  const [api, admission, admin] = (await freePorts(3)) as [number, number, number];
  const token = await server.serviceAccountToken(NAMESPACE, SERVICE, { seconds: TOKEN_SECONDS });
  const adminUrl = `http://${host}:${admin}`;
  const logFile = join(server.folder, `${name}.log`);
  const process_ = new ServerProcess({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', MAIN],
    env: {
      PATH: process.env['PATH'],
      CAIRN_NAMESPACE: NAMESPACE,
      CAIRN_POD_NAME: name,
      KUBECONFIG: await server.bearer(token),
      CAIRN_SERVICE_LISTEN: `${host}:${api}`,
      CAIRN_ADMISSION_LISTEN: `${host}:${admission}`,
      CAIRN_ADMIN_LISTEN: `${host}:${admin}`,
      CAIRN_SIDECAR_IMAGE: SIDECAR_IMAGE,
      CAIRN_WEBHOOK_NAME: 'cairn',
      ...env,
    },
    logFile,
    ready: async () => (await fetch(`${adminUrl}/readyz`)).ok,
  });
  await process_.start();
  await server.apply([endpoints(name, host, { api, admission, metrics: admin })]);
  const withdraw = async (): Promise<void> =>
    void (await server.kubectl(['delete', 'endpointslice', name, '-n', NAMESPACE, '--ignore-not-found']));
  return {
    name,
    serviceUrl: `https://${host}:${api}`,
    adminUrl,
    logFile,
    async stop() {
      await withdraw();
      await process_.end('SIGTERM');
    },
    async kill() {
      await process_.end('SIGKILL');
      await withdraw();
    },
    end: () => process_.end('SIGKILL'),
  };
}

/** What the endpoint slice controller would write, were the replica a pod on a node. */
function endpoints(name: string, host: string, ports: Readonly<Record<string, number>>): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': SERVICE } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports: Object.entries(ports).map(([port, number]) => ({ name: port, port: number, protocol: 'TCP' })),
  };
}
