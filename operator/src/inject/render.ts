/** Renders a stripped pod template with its sidecar: pure, from a plan. */
import type { Container, PodSpec } from './kubernetes.js';
import { agentVariables, setVariables } from './agent-env.js';
import { STATUS_ANNOTATION } from './annotations.js';
import { captureContainer, servedPorts, sidecarContainer, type Plan } from './containers.js';
import { hardened } from './harden.js';
import { AGENT_DIR, AGENT_LABEL, AGENT_VOLUME, SERVICE_ACCOUNT_DIR } from './names.js';
import type { Status } from './strip.js';
import { sidecarVolumes } from './volumes.js';
import type { PodTemplate } from './workload.js';

function renderAgent(container: Container, plan: Plan, status: Status): Container {
  const variables = agentVariables(container.env ?? [], plan.targets, plan.capture, plan.settings.ports);
  const set = setVariables(container, variables);
  status[container.name] = set.undo;
  const mounts = [AGENT_DIR, SERVICE_ACCOUNT_DIR].map((mountPath) => ({ name: AGENT_VOLUME, mountPath, readOnly: true }));
  return hardened({ ...set.container, volumeMounts: [...(container.volumeMounts ?? []), ...mounts] });
}

export function render(template: PodTemplate & { spec: PodSpec }, plan: Plan): PodTemplate {
  const { spec, metadata } = template;
  const served = servedPorts(spec);
  const status: Status = {};
  const agents = (containers: Container[]): Container[] => containers.map((each) => renderAgent(each, plan, status));
  const capture = plan.capture === 'transparent' ? [captureContainer(plan, served)] : [];
  const rendered: PodSpec = {
    ...spec,
    automountServiceAccountToken: false,
    initContainers: [...capture, sidecarContainer(plan, served), ...agents(spec.initContainers ?? [])],
    containers: agents(spec.containers),
    volumes: [...(spec.volumes ?? []), ...sidecarVolumes(plan)],
  };
  const annotations = { ...metadata?.annotations, [STATUS_ANNOTATION]: JSON.stringify(status) };
  const labels = { ...metadata?.labels, [AGENT_LABEL]: plan.agent };
  return { ...template, metadata: { ...metadata, labels, annotations }, spec: rendered };
}
