/** Cilium as the cluster's network: pod addresses, and NetworkPolicy enforced by BPF programs at each pod's interface. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listening, type ClusterContext } from '../control-plane.js';
import { cniFolders } from '../node-programs.js';
import type { Program } from '../node-namespaces.js';
import { ciliumPrograms, type CiliumPrograms } from './programs.js';

export { ciliumPrograms } from './programs.js';
export { dropsSince, type Drop } from './drops.js';

const AGENT_SCRIPT = fileURLToPath(new URL('../../../../node/cilium-agent.sh', import.meta.url));
/** The compiler for the agent's BPF programs. Its name must be clang, and newer ones fail on a warning. */
const CLANG = '/usr/bin/clang-16';

/** Needs the API server and the node's registration. Resolves once policies are enforced and pods get addresses. */
export async function startCilium(context: ClusterContext): Promise<void> {
  const programs = await ciliumPrograms();
  const { plugins, networks } = cniFolders(context);
  await symlink(programs.cni, join(plugins, 'cilium-cni'));
  await Promise.all([context.node.launch(operatorProgram(context, programs)), startAgent(context, programs)]);
  // containerd looks at what is written in place; a renamed file it misses.
  const network = { cniVersion: '0.3.1', name: 'cilium', plugins: [{ type: 'cilium-cni' }] };
  await writeFile(join(networks, '10-cilium.conflist'), JSON.stringify(network));
  await context.node.launch(monitorProgram(context, programs));
}

function operatorProgram({ credentials, node }: ClusterContext, programs: CiliumPrograms): Program {
  const argv = [
    programs.operator,
    `--k8s-kubeconfig-path=${credentials.kubeconfigs.cilium}`,
    '--identity-allocation-mode=crd',
    '--ipam=kubernetes',
    '--enable-k8s=true',
    '--enable-ipv6=true',
    '--cluster-pool-ipv4-cidr=',
  ];
  return { name: 'cilium-operator', argv, env: { CILIUM_K8S_NAMESPACE: 'kube-system' }, ready: () => listening(node, 9234) };
}

async function startAgent(context: ClusterContext, programs: CiliumPrograms): Promise<void> {
  const { layout, node, plan } = context;
  const compilers = join(layout.node, 'compilers');
  await mkdir(compilers, { recursive: true });
  await symlink(CLANG, join(compilers, 'clang'));
  const env = {
    PATH: `${compilers}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    K8S_NODE_NAME: plan.nodeName,
    CILIUM_K8S_NAMESPACE: 'kube-system',
  };
  const ready = async () => (await node.exec([programs.dbg, 'status', '--brief'])).trim() === 'OK';
  await node.launch({ name: 'cilium-agent', argv: [AGENT_SCRIPT, programs.agent, ...agentSettings(context, programs)], env, ready });
}

function agentSettings({ plan, credentials }: ClusterContext, { folder }: CiliumPrograms): string[] {
  return [
    `--k8s-kubeconfig-path=${credentials.kubeconfigs.cilium}`,
    `--lib-dir=${folder}`,
    '--state-dir=/run/cilium',
    '--bpf-root=/sys/fs/bpf',
    '--cgroup-root=/run/cilium/cgroupv2',
    `--devices=${plan.uplink}`,
    '--enable-ipv4=true',
    '--enable-ipv6=true',
    '--ipam=kubernetes',
    '--k8s-require-ipv4-pod-cidr=true',
    '--k8s-require-ipv6-pod-cidr=true',
    '--routing-mode=native',
    `--ipv4-native-routing-cidr=${plan.pods.v4}`,
    `--ipv6-native-routing-cidr=${plan.pods.v6}`,
    '--enable-ipv4-masquerade=true',
    '--enable-ipv6-masquerade=true',
    '--enable-bpf-masquerade=false',
    // Services stay with kube-proxy, and policies are those of Kubernetes: nothing of layer 7.
    '--kube-proxy-replacement=false',
    // But for pods' connections to a ClusterIP, which the agent translates before kube-proxy sees them.
    '--enable-session-affinity=true',
    '--enable-l7-proxy=false',
    '--enable-envoy-config=false',
    '--enable-local-redirect-policy=false',
    '--enable-hubble=false',
    '--enable-health-checking=false',
    '--enable-endpoint-health-checking=false',
    '--identity-allocation-mode=crd',
    '--policy-cidr-match-mode=nodes',
    '--preallocate-bpf-maps=false',
    '--enable-l2-neigh-discovery=false',
    '--cni-exclusive=false',
  ];
}

/** Writes each dropped packet to the drop log, with the time. */
function monitorProgram({ layout }: ClusterContext, { dbg }: CiliumPrograms): Program {
  const stamp =
    '"$0" monitor --json --numeric --type drop | while IFS= read -r line; do printf "%s %s\\n" "$EPOCHREALTIME" "$line" >> "$1"; done';
  // It says how to end it once it listens.
  const ready = async () => (await readFile(join(layout.logs, 'cilium-monitor.log'))).length > 0;
  return { name: 'cilium-monitor', argv: ['bash', '-c', stamp, dbg, layout.dropLog], ready };
}
