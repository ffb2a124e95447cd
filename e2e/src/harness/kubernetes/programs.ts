/** etcd, Kubernetes and Helm: where their programs are. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { goPrograms, type Source } from './go-build.js';

const SOURCES = {
  etcd: { name: 'etcd', module: 'go.etcd.io/etcd/server/v3', packages: { etcd: 'go.etcd.io/etcd/server/v3' } },
  helm: { name: 'helm', module: 'helm.sh/helm/v4', packages: { helm: 'helm.sh/helm/v4/cmd/helm' } },
  kubernetes: {
    name: 'kubernetes',
    module: 'k8s.io/kubernetes',
    packages: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
    },
    variables: kubernetesVersion,
  },
  'kubernetes-node': {
    name: 'kubernetes-node',
    folder: 'kubernetes',
    module: 'k8s.io/kubernetes',
    packages: {
      kubelet: 'k8s.io/kubernetes/cmd/kubelet',
      'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
    },
    variables: kubernetesVersion,
  },
  kubectl: {
    name: 'kubectl',
    folder: 'kubernetes',
    module: 'k8s.io/kubernetes',
    packages: { kubectl: 'k8s.io/kubernetes/cmd/kubectl' },
    variables: kubernetesVersion,
  },
} satisfies Record<string, Source>;

/** kubectl refuses to compare itself with a server that has no version. */
function kubernetesVersion(version: string): Record<string, string> {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const variables: Record<string, string> = {};
  for (const path of ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']) {
    variables[`${path}.gitVersion`] = version;
    variables[`${path}.gitMajor`] = major;
    variables[`${path}.gitMinor`] = minor;
  }
  return variables;
}

/** Where the programs of a control plane are. Builds what is missing: minutes the first time. Rejects with a sentence when it can't. */
export async function controlPlanePrograms(): Promise<{ etcd: string; apiserver: string; controllerManager: string }> {
  const etcd = await goPrograms(SOURCES.etcd);
  const kubernetes = await goPrograms(SOURCES.kubernetes);
  return {
    etcd: join(etcd, 'etcd'),
    apiserver: join(kubernetes, 'kube-apiserver'),
    controllerManager: join(kubernetes, 'kube-controller-manager'),
  };
}

/** What a control plane wants besides to run pods on a node. */
export async function nodePrograms(): Promise<{ kubelet: string; kubeProxy: string; scheduler: string }> {
  const folder = await goPrograms(SOURCES['kubernetes-node']);
  return { kubelet: join(folder, 'kubelet'), kubeProxy: join(folder, 'kube-proxy'), scheduler: join(folder, 'kube-scheduler') };
}

/** The machine's kubectl, else one of the server's version. */
export async function kubectlProgram(): Promise<string> {
  return (await onPath('kubectl')) ?? join(await goPrograms(SOURCES.kubectl), 'kubectl');
}

export async function helmProgram(): Promise<string> {
  return join(await goPrograms(SOURCES.helm), 'helm');
}

async function onPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, name);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found && (await works(file))) return file;
  }
  return undefined;
}

async function works(kubectl: string): Promise<boolean> {
  return promisify(execFile)(kubectl, ['version', '--client']).then(
    () => true,
    () => false,
  );
}
