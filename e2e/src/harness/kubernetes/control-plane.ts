/** kube-apiserver and kube-controller-manager: how they are started. */
import { join } from 'node:path';
import type { ControlPlaneFiles } from './control-plane-files.js';
import { ServerProcess } from './server-process.js';

/** As on most clusters. Tokens for other audiences, `cairn.dev` among them, are no credentials for the API server. */
export const SERVICE_ACCOUNT_ISSUER = 'https://kubernetes.default.svc.cluster.local';
const SERVICE_RANGE = '10.96.0.0/16';

export interface ApiServerCommand {
  program: string;
  folder: string;
  files: ControlPlaneFiles;
  etcdUrl: string;
  port: number;
  /** Where the audit log goes; without it there is none. */
  auditLog: string | undefined;
  featureGates: readonly string[];
  ready: () => Promise<boolean>;
}

export function apiServerProcess({
  program,
  folder,
  files,
  etcdUrl,
  port,
  auditLog,
  featureGates,
  ready,
}: ApiServerCommand): ServerProcess {
  const audit = auditLog ? [`--audit-policy-file=${files.auditPolicy}`, `--audit-log-path=${auditLog}`, '--audit-log-mode=blocking'] : [];
  const args = [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    // Nothing asks for the endpoints of the Service `kubernetes` here, and a loopback address is refused as one.
    '--endpoint-reconciler-type=none',
    `--cert-dir=${folder}`,
    `--tls-cert-file=${files.servingCert}`,
    `--tls-private-key-file=${files.servingKey}`,
    `--client-ca-file=${files.caFile}`,
    `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
    `--service-account-key-file=${files.serviceAccountKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    // A webhook's Service is reached by its endpoints: no node, no ClusterIPs.
    '--enable-aggregator-routing=true',
    ...audit,
    ...(featureGates.length > 0 ? [`--feature-gates=${featureGates.map((gate) => `${gate}=true`).join()}`] : []),
  ];
  return new ServerProcess({ name: 'kube-apiserver', command: program, args, logFile: join(folder, 'apiserver.log'), ready });
}

export interface ControllerManagerCommand {
  program: string;
  folder: string;
  files: ControlPlaneFiles;
  kubeconfig: string;
  port: number;
  ready: () => Promise<boolean>;
}

export function controllerManagerProcess({ program, folder, files, kubeconfig, port, ready }: ControllerManagerCommand): ServerProcess {
  const args = [
    `--kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${folder}`,
    `--root-ca-file=${files.caFile}`,
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    // Each controller writes as its own service account, as on every cluster: admission tells them apart by that.
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    // The default of 20 a second delays a new namespace's default service account by seconds.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ];
  return new ServerProcess({
    name: 'kube-controller-manager',
    command: program,
    args,
    logFile: join(folder, 'controller-manager.log'),
    ready,
  });
}
