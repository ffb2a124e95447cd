/** The certificates and kubeconfigs of a cluster's programs: each as itself, so that RBAC, NodeRestriction and the audit log tell them apart. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  loadAuthority,
  writeControlPlaneFiles,
  writeKubeconfig,
  type Authority,
  type ControlPlaneFiles,
  type Subject,
} from '../kubernetes/index.js';
import type { Layout } from './layout.js';
import type { ClusterPlan } from './plan.js';

export interface Credentials extends ControlPlaneFiles {
  /** What the API server shows to the kubelet for logs, exec and port-forward. */
  readonly kubeletClient: CertificateFiles;
  readonly kubeletServing: CertificateFiles;
  readonly kubeconfigs: Readonly<Record<'controllerManager' | 'scheduler' | 'kubelet' | 'kubeProxy' | 'cilium', string>>;
  /** The admin's key pair, and the CA to check the server by. */
  readonly admin: { ca: string; cert: string; key: string };
}

export interface CertificateFiles {
  cert: string;
  key: string;
}

/** Workloads with their bodies, everything else by who did what to which object. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', nonResourceURLs: ['/readyz*', '/livez*', '/healthz*', '/openapi*'] },
    { level: 'None', resources: [{ group: 'coordination.k8s.io' }] },
    {
      level: 'RequestResponse',
      resources: [
        { group: '', resources: ['pods'] },
        { group: 'batch', resources: ['jobs'] },
      ],
    },
    { level: 'Metadata' },
  ],
};

export async function issueCredentials(plan: ClusterPlan, layout: Layout): Promise<Credentials> {
  const folder = pki(layout);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await mkdir(join(layout.node, 'clients'), { recursive: true, mode: 0o700 });
  const addresses = [plan.nodeAddress, plan.nodeAddress6, plan.apiService.v4, plan.apiService.v6];
  const files = await writeControlPlaneFiles(folder, { addresses, auditPolicy: AUDIT_POLICY });
  await writeFile(join(folder, 'ca.key'), files.authority.key, { mode: 0o600 });
  const pair = async (name: string, subject: Subject): Promise<CertificateFiles> => {
    const { cert, key } = await files.authority.issue(subject);
    const written = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
    await writeFile(written.cert, cert);
    await writeFile(written.key, key, { mode: 0o600 });
    return written;
  };
  const cluster = { url: plan.url, caCert: files.authority.cert };
  const config = async (name: string, subject: Subject) =>
    writeKubeconfig(join(folder, `${name}.kubeconfig`), cluster, await files.authority.issue(subject));
  const admin = await files.authority.issue({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
  await writeKubeconfig(layout.kubeconfig, cluster, admin);
  await chmod(layout.kubeconfig, 0o600);
  const node = { addresses: [plan.nodeAddress, plan.nodeAddress6], dnsNames: [plan.nodeName] };
  return {
    ...files,
    admin: { ca: files.authority.cert, ...admin },
    kubeletClient: await pair('kubelet-client', { commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'] }),
    kubeletServing: await pair('kubelet', { commonName: `system:node:${plan.nodeName}`, organizations: ['system:nodes'], ...node }),
    kubeconfigs: {
      controllerManager: await config('controller-manager', { commonName: 'system:kube-controller-manager' }),
      scheduler: await config('scheduler', { commonName: 'system:kube-scheduler' }),
      kubelet: await config('kubelet', { commonName: `system:node:${plan.nodeName}`, organizations: ['system:nodes'] }),
      kubeProxy: await config('kube-proxy', { commonName: 'system:kube-proxy' }),
      // Its own installation gives it rights over every namespace's policies, endpoints and its own kinds.
      cilium: await config('cilium', { commonName: 'cilium', organizations: ['system:masters'] }),
    },
  };
}

/** The cluster's authority, by which a test makes users of it. */
export async function clusterAuthority(layout: Layout): Promise<Authority> {
  const read = (name: string) => readFile(join(pki(layout), name), 'utf8');
  return loadAuthority({ cert: await read('ca.crt'), key: await read('ca.key') });
}

function pki(layout: Layout): string {
  return join(layout.node, 'pki');
}
