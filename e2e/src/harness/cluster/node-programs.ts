/** containerd, kubelet and kube-proxy: their settings, and how they are started. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodePrograms } from '../kubernetes/index.js';
import { listening, type ClusterContext } from './control-plane.js';
import { PAUSE_IMAGE } from './pods/index.js';

/** Inside the node. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
/** Debian's containernetworking-plugins. */
const CNI_PLUGINS = '/usr/lib/cni';

export interface CniFolders {
  plugins: string;
  networks: string;
}

export function cniFolders({ layout }: ClusterContext): CniFolders {
  return { plugins: join(layout.node, 'cni', 'bin'), networks: join(layout.node, 'cni', 'net.d') };
}

export async function startContainerd(context: ClusterContext): Promise<void> {
  const { layout, node } = context;
  const folders = cniFolders(context);
  await mkdir(folders.networks, { recursive: true });
  await mkdir(folders.plugins, { recursive: true });
  await symlink(join(CNI_PLUGINS, 'loopback'), join(folders.plugins, 'loopback'));
  const config = join(layout.node, 'containerd.toml');
  await writeFile(config, containerdConfig(folders));
  const ready = () => node.exec(['ctr', 'version']).then(() => true);
  await node.launch({ name: 'containerd', argv: ['containerd', '--config', config], ready });
}

/** Without CAP_SYS_RESOURCE no process lowers its OOM score: runc must not try (restrict_oom_score_adj). */
function containerdConfig({ plugins, networks }: CniFolders): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${plugins}"
    conf_dir = "${networks}"
`;
}

export async function startKubelet(context: ClusterContext): Promise<void> {
  const { plan, layout, node, credentials } = context;
  const { kubelet } = await nodePrograms();
  const config = join(layout.node, 'kubelet.json');
  const resolver = join(layout.node, 'resolv.conf');
  await writeFile(resolver, '');
  await writeFile(config, JSON.stringify(kubeletConfig(context, resolver)));
  const argv = [
    kubelet,
    `--config=${config}`,
    `--kubeconfig=${credentials.kubeconfigs.kubelet}`,
    `--hostname-override=${plan.nodeName}`,
    `--node-ip=${plan.nodeAddress},${plan.nodeAddress6}`,
    '--root-dir=/var/lib/kubelet',
    '--cert-dir=/var/lib/kubelet/pki',
  ];
  await node.launch({ name: 'kubelet', argv, ready: () => listening(node, 10250) });
}

function kubeletConfig({ plan, credentials }: ClusterContext, resolvConf: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: credentials.caFile } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: credentials.kubeletServing.cert,
    tlsPrivateKeyFile: credentials.kubeletServing.key,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    clusterDomain: 'cluster.local',
    clusterDNS: [plan.dnsService.v4, plan.dnsService.v6],
    resolvConf,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${plan.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    // Raising a limit or lowering a score takes a capability (CAP_SYS_RESOURCE) that containers of CI do without.
    oomScoreAdj: 0,
    maxOpenFiles: 20_000,
    // The disk is the machine's: a full one is not for the kubelet to mend.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '0%', 'nodefs.inodesFree': '0%', 'imagefs.available': '0%' },
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    serializeImagePulls: false,
    // Changes of projected volumes are seen at once.
    configMapAndSecretChangeDetectionStrategy: 'Watch',
  };
}

export async function startKubeProxy({ plan, layout, node, credentials }: ClusterContext): Promise<void> {
  const { kubeProxy } = await nodePrograms();
  const config = join(layout.node, 'kube-proxy.json');
  const settings = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: credentials.kubeconfigs.kubeProxy },
    hostnameOverride: plan.nodeName,
    mode: 'nftables',
    clusterCIDR: `${plan.pods.v4},${plan.pods.v6}`,
    oomScoreAdj: 0,
    // These are the whole machine's and not this node's to set.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
  await writeFile(config, JSON.stringify(settings));
  await node.launch({ name: 'kube-proxy', argv: [kubeProxy, `--config=${config}`], ready: () => listening(node, 10256) });
}
