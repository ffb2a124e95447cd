/** etcd, kube-apiserver, kube-controller-manager and kube-scheduler in the node's namespaces: how they are started. */
import { join } from 'node:path';
import { SERVICE_ACCOUNT_ISSUER, controlPlanePrograms, httpsStatus, nodePrograms } from '../kubernetes/index.js';
import type { Credentials } from './credentials.js';
import type { Layout } from './layout.js';
import type { NodeNamespaces, Program } from './node-namespaces.js';
import type { ClusterPlan } from './plan.js';

export interface ClusterContext {
  plan: ClusterPlan;
  layout: Layout;
  node: NodeNamespaces;
  credentials: Credentials;
}

/** In the order in which they start: each needs those before it. */
export async function startControlPlane(context: ClusterContext): Promise<void> {
  const { etcd, apiserver, controllerManager } = await controlPlanePrograms();
  const { scheduler } = await nodePrograms();
  await context.node.launch(etcdProgram(context, etcd));
  await context.node.launch(apiServerProgram(context, apiserver));
  await Promise.all([
    context.node.launch(controllerManagerProgram(context, controllerManager)),
    context.node.launch(schedulerProgram(context, scheduler)),
  ]);
}

function etcdProgram({ layout, node }: ClusterContext, program: string): Program {
  const argv = [program, `--data-dir=${join(layout.node, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn'];
  return { name: 'etcd', argv, ready: () => listening(node, 2379) };
}

function apiServerProgram({ plan, layout, credentials }: ClusterContext, program: string): Program {
  const argv = [
    program,
    '--etcd-servers=http://127.0.0.1:2379',
    `--advertise-address=${plan.nodeAddress}`,
    '--secure-port=6443',
    `--tls-cert-file=${credentials.servingCert}`,
    `--tls-private-key-file=${credentials.servingKey}`,
    `--client-ca-file=${credentials.caFile}`,
    `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
    `--service-account-key-file=${credentials.serviceAccountKey}`,
    `--service-account-signing-key-file=${credentials.serviceAccountKey}`,
    `--service-cluster-ip-range=${plan.services.v4},${plan.services.v6}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-certificate-authority=${credentials.caFile}`,
    `--kubelet-client-certificate=${credentials.kubeletClient.cert}`,
    `--kubelet-client-key=${credentials.kubeletClient.key}`,
    `--audit-policy-file=${credentials.auditPolicy}`,
    `--audit-log-path=${layout.auditLog}`,
    // A test that has its answer finds the entry.
    '--audit-log-mode=blocking',
  ];
  const ready = async () => (await httpsStatus(plan.url, '/readyz', credentials.admin)) === 200;
  return { name: 'kube-apiserver', argv, ready };
}

function controllerManagerProgram({ plan, credentials, node }: ClusterContext, program: string): Program {
  const argv = [
    program,
    `--kubeconfig=${credentials.kubeconfigs.controllerManager}`,
    `--root-ca-file=${credentials.caFile}`,
    `--service-account-private-key-file=${credentials.serviceAccountKey}`,
    '--use-service-account-credentials=true',
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${plan.pods.v4},${plan.pods.v6}`,
    `--service-cluster-ip-range=${plan.services.v4},${plan.services.v6}`,
    '--node-cidr-mask-size-ipv4=24',
    '--node-cidr-mask-size-ipv6=64',
    '--leader-elect=false',
    // The default of 20 a second delays a new namespace's default service account by seconds.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ];
  return { name: 'kube-controller-manager', argv, ready: () => listening(node, 10257) };
}

function schedulerProgram({ credentials, node }: ClusterContext, program: string): Program {
  const argv = [program, `--kubeconfig=${credentials.kubeconfigs.scheduler}`, '--leader-elect=false'];
  return { name: 'kube-scheduler', argv, ready: () => listening(node, 10259) };
}

/** Whether something in the node accepts connections on a loopback port. */
export async function listening(node: NodeNamespaces, port: number): Promise<boolean> {
  await node.exec(['bash', '-c', `exec 3<> /dev/tcp/127.0.0.1/${port}`]);
  return true;
}
