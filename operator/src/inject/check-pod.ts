/** What a pod may not ask for when it gets a sidecar, and what its cluster and namespace must allow. */
import type { PodSpec, Volume } from './kubernetes.js';
import { checkContainer, checkUser, credentialMessage, type ContainerRules, type Report } from './check-container.js';
import type { Plan } from './containers.js';
import { CONTAINERS_LIMIT, NATIVE_SIDECARS_SINCE } from './limits.js';
import { OURS_BY_NAME, WORKLOAD_AUDIENCE } from './names.js';
import type { Problem } from './problem.js';

/** Level that the namespace's label pod-security.kubernetes.io/enforce names. */
export type PodSecurityLevel = 'privileged' | 'baseline' | 'restricted';

/** What is known of where the pod is to run; offline, nothing is. */
export interface Surroundings {
  enrolled: boolean;
  kubernetes?: { major: number; minor: number };
  podSecurity?: PodSecurityLevel;
}

/** Ports in the pod that belong to sidecar and capture. */
function sidecarPorts({ capture, targets, settings: { ports } }: Plan): Set<number> {
  if (capture === 'transparent') return new Set([ports.outbound, ports.inbound, ports.dns, ports.admin]);
  const listeners = targets.filter(({ protocol }) => protocol !== 'http').map((_, index) => ports.targets + index);
  return new Set([ports.proxy, ports.inbound, ports.admin, ...listeners]);
}

function checkSurroundings({ capture }: Plan, { kubernetes, podSecurity }: Surroundings, report: Report): void {
  if (kubernetes && (kubernetes.major < 1 || (kubernetes.major === 1 && kubernetes.minor < NATIVE_SIDECARS_SINCE))) {
    const message = `Kubernetes ${kubernetes.major}.${kubernetes.minor} has no native sidecars, without which Jobs would not end; upgrade to 1.${NATIVE_SIDECARS_SINCE}.`;
    report('error', 'old-cluster', 'initContainers', message);
  }
  if (capture === 'transparent' && podSecurity !== undefined && podSecurity !== 'privileged') {
    const message = `Pod Security ${podSecurity} refuses NET_ADMIN, which transparent capture needs once at start; add the annotation cairn.dev/capture: explicit, or change the namespace's level.`;
    report('error', 'pod-security', 'initContainers', message);
  }
}

function checkHost(spec: PodSpec, enrolled: boolean, report: Report): void {
  if (spec.os?.name === 'windows' || spec.nodeSelector?.['kubernetes.io/os'] === 'windows')
    report('error', 'windows', 'os', 'The sidecar runs on Linux; give the agent a Linux node.');
  if (spec.hostNetwork && enrolled) {
    const message = "On the node's own network nothing of the agent can be captured; remove hostNetwork.";
    report('error', 'host-network', 'hostNetwork', message);
  }
  for (const key of ['hostPID', 'hostIPC', 'shareProcessNamespace'] as const) {
    if (spec[key]) report('error', 'host-namespace', key, 'Processes of the agent could then reach into the sidecar; remove it.');
  }
}

/** A user that is not drawn can be an image's own USER, which nobody sees here: then every container has to say who it is. */
function checkFixedUser(spec: PodSpec, { sidecarUid }: Plan, report: Report): void {
  if (spec.hostUsers !== false || spec.securityContext?.runAsUser !== undefined) return;
  for (const [list, containers] of Object.entries({ initContainers: spec.initContainers ?? [], containers: spec.containers })) {
    containers.forEach(({ securityContext }, index) => {
      if (securityContext?.runAsUser !== undefined) return;
      const message = `In a user namespace of the pod's own the sidecar's user is always ${sidecarUid}, which an image may name as its USER; say runAsUser.`;
      report('error', 'sidecar-uid', `${list}[${index}].securityContext.runAsUser`, message);
    });
  }
}

/** Audience of the API server's own tokens where a source names none. */
function checkTokens(volume: Volume, path: string, report: Report): void {
  for (const { serviceAccountToken } of volume.projected?.sources ?? []) {
    if (!serviceAccountToken) continue;
    const { audience } = serviceAccountToken;
    if (audience !== undefined && audience !== '' && audience !== WORKLOAD_AUDIENCE) continue;
    const message =
      audience === WORKLOAD_AUDIENCE
        ? `A token for ${WORKLOAD_AUDIENCE} would let the agent speak as its sidecar; remove it.`
        : "Agents hold no token of the API server: the sidecar presents the target's credential; remove it.";
    report('error', 'service-account-token', path, message);
  }
}

function checkVolume(volume: Volume, path: string, { secrets }: ContainerRules, report: Report): void {
  if (OURS_BY_NAME.test(volume.name))
    report('error', 'reserved-name', `${path}.name`, 'Names that begin with cairn- are reserved for the sidecar; rename it.');
  if (volume.hostPath)
    report('error', 'host-path', `${path}.hostPath`, "Folders of the node lead to other pods' secrets and sockets; use another volume.");
  checkTokens(volume, path, report);
  const mounted = [volume.secret?.secretName, ...(volume.projected?.sources ?? []).map((each) => each.secret?.name)];
  for (const name of mounted) {
    if (name !== undefined && secrets.has(name)) report('error', 'credential-mounted', path, credentialMessage(name));
  }
}

export function containerRules(plan: Plan): ContainerRules {
  return { sidecarUid: plan.settings.sidecarUid, ports: sidecarPorts(plan), secrets: new Set(plan.secrets) };
}

/** Checks a stripped pod. `at` is the path of the pod's spec. */
export function checkPod(spec: PodSpec, plan: Plan, surroundings: Surroundings, at: string, problems: Problem[]): void {
  const report: Report = (severity, code, path, message) => problems.push({ severity, code, path: `${at}.${path}`, message });
  const rules = containerRules(plan);
  checkSurroundings(plan, surroundings, report);
  checkHost(spec, surroundings.enrolled, report);
  checkUser(spec.securityContext?.runAsUser, 'securityContext.runAsUser', rules, report);
  checkFixedUser(spec, plan, report);
  const lists = { initContainers: spec.initContainers ?? [], containers: spec.containers };
  if (lists.initContainers.length + lists.containers.length > CONTAINERS_LIMIT) {
    report('error', 'too-many-containers', 'containers', `A pod of more than ${CONTAINERS_LIMIT} containers gets no sidecar.`);
  }
  for (const [list, containers] of Object.entries(lists)) {
    containers.forEach((container, index) => checkContainer(container, `${list}[${index}]`, rules, report));
  }
  (spec.volumes ?? []).forEach((volume, index) => checkVolume(volume, `volumes[${index}]`, rules, report));
}
