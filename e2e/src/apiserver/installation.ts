/** Cairn as its users install it: the chart by Helm, replicas of the operator, an enrolled namespace. */
import { fileURLToPath } from 'node:url';
import { startApiServer, type ApiServer, type ApiServerOptions, type Scope } from '../harness/kubernetes/index.js';
import { NAMESPACE, startReplica, type Replica } from './replica.js';

const REPOSITORY = new URL('../../../', import.meta.url);
export const repositoryFile = (path: string): string => fileURLToPath(new URL(path, REPOSITORY));

export interface InstallOptions extends ApiServerOptions {
  /** Of the operator. Default 1; 0 installs the chart alone. */
  replicas?: number;
  /** Of the operator's processes, beside what the chart sets. */
  env?: Readonly<Record<string, string>>;
  /** `--set` of Helm. */
  values?: readonly string[];
  /** Makes the namespace, and what has to be there before the operator starts; by default the namespace alone. */
  prepare?: (server: ApiServer) => Promise<void>;
}

export interface Installation {
  readonly server: ApiServer;
  readonly replicas: Replica[];
  /** One more, ready. */
  start(): Promise<Replica>;
}

/** Starts an API server and installs Cairn into it; resolves once the operator's replicas are ready. All of it ends with the scope. */
export async function install(scope: Scope, options: InstallOptions = {}): Promise<Installation> {
  const server = await startApiServer(scope, options);
  if (options.prepare) await options.prepare(server);
  else await server.kubectl(['create', 'namespace', NAMESPACE]);
  const values = (options.values ?? []).flatMap((value) => ['--set', value]);
  await server.helm(['install', 'cairn', repositoryFile('charts/cairn'), '-n', NAMESPACE, ...values]);
  const replicas: Replica[] = [];
  scope.after(async () => {
    for (const replica of replicas) await replica.end();
  });
  const start = async (): Promise<Replica> => {
    const replica = await startReplica(server, `operator-${replicas.length + 1}`, options.env ?? {});
    replicas.push(replica);
    return replica;
  };
  for (let count = 0; count < (options.replicas ?? 1); count++) await start();
  return { server, replicas, start };
}
