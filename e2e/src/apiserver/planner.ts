/** An agent's pod in front of a real API server: its sidecar in explicit capture, and clients that know nothing of it. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { AuditEvent } from '@cairn/audit';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import type { ApiServer, CommandResult } from '../harness/kubernetes/index.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

export const NAMESPACE = 'research';

export const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: cluster, namespace: ${NAMESPACE}}
spec:
  selector: {}
  identity: {required: true, providers: [], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - {name: cluster, protocol: kubernetes, credential: {serviceAccount: planner}}
  rules:
  - {name: kept, match: {resources: ['${NAMESPACE}/configmaps/kept']}, action: Deny, reason: somebody needs it}
  default: {action: Allow, level: RequestResponse}
  undeclared: Deny
`;

export interface Planner {
  readonly plane: ControlPlane;
  readonly sidecar: Sidecar;
  /** kubectl in the agent's container. */
  kubectl(args: readonly string[], input?: string): Promise<CommandResult>;
  /** The same with another token than the pod's. */
  kubectlWith(token: string, args: readonly string[]): Promise<CommandResult>;
  /** The JavaScript client as it configures itself in a pod. */
  inCluster(): KubeConfig;
  core(): CoreV1Api;
  /** Intents and completions of one verb, once one is complete. */
  recorded(verb: string, resource: string): Promise<{ intent: AuditEvent; complete: AuditEvent }>;
  stop(): Promise<void>;
}

/** Makes the namespace, the account with its rights and its pod, then starts the pod's sidecar. */
export async function startPlanner(server: ApiServer): Promise<Planner> {
  await server.kubectl(['create', 'namespace', NAMESPACE]);
  await server.kubectl(['create', 'serviceaccount', 'planner', '-n', NAMESPACE]);
  await server.kubectl([
    'create',
    'rolebinding',
    'planner',
    '-n',
    NAMESPACE,
    '--clusterrole=admin',
    `--serviceaccount=${NAMESPACE}:planner`,
  ]);
  const containers = [{ name: 'main', image: 'registry.example/planner:1' }];
  const metadata = { name: 'planner-0', namespace: NAMESPACE };
  await server.apply([{ apiVersion: 'v1', kind: 'Pod', metadata, spec: { serviceAccountName: 'planner', containers } }]);
  const plane = await startControlPlane(POLICY);
  const account = join(server.folder, 'service-account');
  mkdirSync(account, { recursive: true });
  writeFileSync(join(account, 'token'), await server.serviceAccountToken(NAMESPACE, 'planner', { pod: 'planner-0' }));
  writeFileSync(join(account, 'ca.crt'), server.caCert);
  const resolve = { 'kubernetes.default.svc:443': new URL(server.url).host };
  const sidecar = await startSidecar({
    plane,
    agent: 'planner',
    targets: ['cluster'],
    resolve,
    env: { CAIRN_SERVICE_ACCOUNT_DIR: account },
  });
  const port = String(sidecar.targetPort('cluster'));
  const tokenFile = join(sidecar.agentFolder, 'token');
  const kubeconfig = writeAgentKubeconfig(server, sidecar, port, { tokenFile });
  const inCluster = (): KubeConfig => inClusterConfig(sidecar, port);
  return {
    plane,
    sidecar,
    kubectl: (args, input) => server.tryKubectl(args, { as: kubeconfig, ...(input === undefined ? {} : { input }) }),
    kubectlWith: (token, args) => server.tryKubectl(args, { as: writeAgentKubeconfig(server, sidecar, port, { token }) }),
    inCluster,
    core: () => inCluster().makeApiClient(CoreV1Api),
    recorded: (verb, resource) => recorded(sidecar, verb, resource),
    async stop() {
      await sidecar.stop();
      await plane.stop();
    },
  };
}

/** What kubectl is given in a pod: the address that injection sets, and the files of the service account's folder. */
function writeAgentKubeconfig(server: ApiServer, sidecar: Sidecar, port: string, user: Record<string, string>): string {
  const cluster = { server: `https://localhost:${port}`, 'certificate-authority': join(sidecar.agentFolder, 'ca.crt') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster }],
    users: [{ name: 'agent', user }],
    contexts: [{ name: 'pod', context: { cluster: 'cluster', user: 'agent', namespace: NAMESPACE } }],
    'current-context': 'pod',
  };
  const file = join(server.folder, `agent-${Object.keys(user).join()}.kubeconfig`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** As in a container whose service account folder is the sidecar's, with the variables that injection sets. */
function inClusterConfig(sidecar: Sidecar, port: string): KubeConfig {
  const root = join(sidecar.folder, 'root');
  const folder = join(root, 'var/run/secrets/kubernetes.io/serviceaccount');
  mkdirSync(dirname(folder), { recursive: true });
  try {
    symlinkSync(sidecar.agentFolder, folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  process.env['KUBERNETES_SERVICE_HOST'] = 'localhost';
  process.env['KUBERNETES_SERVICE_PORT'] = port;
  const config = new KubeConfig();
  config.loadFromCluster(root);
  return config;
}

async function recorded(sidecar: Sidecar, verb: string, resource: string): Promise<{ intent: AuditEvent; complete: AuditEvent }> {
  const find = (events: AuditEvent[]): { intent: AuditEvent; complete: AuditEvent } | undefined => {
    const complete = events.findLast(
      ({ stage, operation }) => stage === 'complete' && operation?.verb === verb && operation.resource === resource,
    );
    const intent = complete && events.find(({ id }) => id === complete.cause);
    return intent && { intent, complete };
  };
  return find(await sidecar.eventsWhen((events) => find(events) !== undefined))!;
}
