/** Agents' containers can't leave their sidecar: no capability, no new privileges, not the sidecar's UID, nothing of the node. */
import type { Container, PodSpec } from './kubernetes.js';
import { CONTAINERS_LIMIT } from './limits.js';
import { OURS_BY_NAME } from './names.js';
import type { Problem } from './problem.js';

type Report = (severity: Problem['severity'], code: Problem['code'], path: string, message: string) => void;

/** What a pod may not ask for when it gets a sidecar. `at` is the path of the pod's spec. */
export function checkPod(spec: PodSpec, sidecarUid: number, at: string, problems: Problem[]): void {
  const report: Report = (severity, code, path, message) => problems.push({ severity, code, path: `${at}.${path}`, message });
  for (const key of ['hostPID', 'hostIPC', 'shareProcessNamespace'] as const) {
    if (spec[key]) report('error', 'host-namespace', key, 'Processes of the agent could then reach into the sidecar; remove it.');
  }
  if (spec.securityContext?.runAsUser === sidecarUid)
    report('error', 'sidecar-uid', 'securityContext.runAsUser', sidecarUidMessage(sidecarUid));
  const lists = { initContainers: spec.initContainers ?? [], containers: spec.containers };
  if (lists.initContainers.length + lists.containers.length > CONTAINERS_LIMIT) {
    report('error', 'too-many-containers', 'containers', `A pod of more than ${CONTAINERS_LIMIT} containers gets no sidecar.`);
  }
  for (const [list, containers] of Object.entries(lists)) {
    containers.forEach((container, index) => checkContainer(container, `${list}[${index}]`, sidecarUid, report));
  }
}

const sidecarUidMessage = (uid: number): string => `User ${uid} is the sidecar's, whose traffic is not captured; choose another.`;

function checkContainer(container: Container, path: string, sidecarUid: number, report: Report): void {
  const context = container.securityContext ?? {};
  const at = `${path}.securityContext`;
  if (OURS_BY_NAME.test(container.name))
    report('error', 'reserved-name', `${path}.name`, 'Names that begin with cairn- are reserved for the sidecar; rename it.');
  if (context.privileged)
    report('error', 'privileged', `${at}.privileged`, 'A privileged container can rewrite the capture rules; remove it.');
  if (context.runAsUser === sidecarUid) report('error', 'sidecar-uid', `${at}.runAsUser`, sidecarUidMessage(sidecarUid));
  for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
    if (!container[kind]?.httpGet && !container[kind]?.grpc) continue;
    const message = 'Requests of kubelet prove no identity and are refused where the policy requires one; ask inside the container (exec).';
    report('warning', 'network-probe', `${path}.${kind}`, message);
  }
  const added = context.capabilities?.add ?? [];
  if (added.length > 0) {
    report('warning', 'capability-removed', `${at}.capabilities.add`, `${added.join(', ')} removed: agents run without capabilities.`);
  }
}

export function hardened(container: Container): Container {
  const context = container.securityContext ?? {};
  const seccompProfile = context.seccompProfile ?? { type: 'RuntimeDefault' };
  return {
    ...container,
    securityContext: { ...context, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, seccompProfile },
  };
}
