/** A real Kubernetes API server for tests: etcd, kube-apiserver and kube-controller-manager on free ports. No node: pods stay Pending. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { freePorts } from '../ports.js';
import { Clients } from './clients.js';
import { writeControlPlaneFiles, type ControlPlaneFiles } from './control-plane-files.js';
import { apiServerProcess, controllerManagerProcess } from './control-plane.js';
import { startEtcd, type Etcd } from './etcd.js';
import { writeKubeconfig } from './kubeconfig.js';
import { controlPlanePrograms } from './programs.js';
import { httpsStatus } from './https-status.js';
import type { ServerProcess } from './server-process.js';

/** A test's context; for the tests of a file see {@link sharedApiServer}. */
export interface Scope {
  after(end: () => Promise<void>): void;
}

export interface ApiServerOptions {
  /** Makes the pods of workloads, default service accounts, and collects garbage. Default true; without it a namespace has no service account. */
  controllerManager?: boolean;
  /** Keeps an audit log (audit.k8s.io/v1, JSON lines, RequestResponse) in `auditLog`. */
  audit?: boolean;
  /** Feature gates to open (https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates). */
  featureGates?: readonly string[];
}

/** One for all tests of a describe: call it there, and what it returns within the tests. */
export function sharedApiServer(options: ApiServerOptions = {}): () => ApiServer {
  let server: ApiServer | undefined;
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    server = await startApiServer({ after: (end) => void ends.push(end) }, options);
  });
  after(async () => {
    for (const end of ends) await end();
  });
  return () => {
    if (!server) throw new Error('the API server is there within tests only');
    return server;
  };
}

/**
 * Starts one; resolves once it serves and, with a controller-manager, once the namespace default is usable. It ends
 * with the scope. Rejects with a sentence where a program can't be built or does not start.
 */
export async function startApiServer(scope: Scope, options: ApiServerOptions = {}): Promise<ApiServer> {
  const programs = await controlPlanePrograms();
  const folder = await mkdtemp(join(tmpdir(), 'cairn-apiserver-'));
  const files = await writeControlPlaneFiles(folder);
  const [port, manager, ...etcdPorts] = (await freePorts(4)) as [number, number, number, number];
  const url = `https://127.0.0.1:${port}`;
  const admin = await files.authority.issue({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
  const kubeconfig = await writeKubeconfig(join(folder, 'admin.kubeconfig'), { url, caCert: files.authority.cert }, admin);
  const get = (path: string) => httpsStatus(url, path, { ca: files.authority.cert, ...admin });
  const server = new ApiServer(folder, url, kubeconfig, files, options.audit === true);
  scope.after(() => server.stop());
  await server.begin(
    await startEtcd(programs.etcd, folder, etcdPorts),
    (etcd) =>
      apiServerProcess({
        program: programs.apiserver,
        folder,
        files,
        etcdUrl: etcd.url,
        port,
        auditLog: server.auditLog,
        featureGates: options.featureGates ?? [],
        ready: async () => (await get('/readyz')) === 200,
      }),
    options.controllerManager === false
      ? undefined
      : controllerManagerProcess({
          program: programs.controllerManager,
          folder,
          files,
          kubeconfig,
          port: manager,
          ready: async () => (await get('/api/v1/namespaces/default/serviceaccounts/default')) === 200,
        }),
  );
  return server;
}

export class ApiServer extends Clients {
  #etcd: Etcd | undefined;
  #processes: ServerProcess[] = [];
  #apiserver: ServerProcess | undefined;

  /** @internal made by {@link startApiServer} */
  constructor(
    folder: string,
    url: string,
    kubeconfig: string,
    files: ControlPlaneFiles,
    private readonly audits: boolean,
  ) {
    super(folder, url, kubeconfig, files.authority);
  }

  /** The audit log's file; undefined where none is kept. */
  get auditLog(): string | undefined {
    return this.audits ? join(this.folder, 'audit.log') : undefined;
  }

  /** @internal */
  async begin(etcd: Etcd, apiserver: (etcd: Etcd) => ServerProcess, manager: ServerProcess | undefined): Promise<void> {
    this.#etcd = etcd;
    this.#apiserver = apiserver(etcd);
    this.#processes = [...(manager ? [manager] : []), this.#apiserver, etcd.process];
    await this.#apiserver.start();
    await manager?.start();
  }

  /** SIGKILL to kube-apiserver; what etcd holds stays. */
  async kill9(): Promise<void> {
    await this.#apiserver?.end('SIGKILL');
  }

  /** Starts kube-apiserver again, at the same address. */
  async restart(): Promise<void> {
    await this.kill9();
    await this.#apiserver?.start();
  }

  /** Drops every older revision from etcd: a watch that resumes from one gets 410 Gone. Returns the revision kept. */
  async compactEtcd(): Promise<number> {
    if (!this.#etcd) throw new Error('the API server has not started');
    return this.#etcd.compact();
  }

  /** Ends every process and removes what they wrote. May be called twice. */
  async stop(): Promise<void> {
    // Nothing outlives the test, so an orderly shutdown (a minute, while watches are open) is not waited for.
    for (const process of this.#processes) await process.end('SIGKILL');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
