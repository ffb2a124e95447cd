/** From Deployments to running pods: placed, injected, given their volumes, started in the order that their calls need. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { policyFor } from '@cairn/crds';
import { DEFAULT_SETTINGS, inject, SIDECAR_CONTAINER, SPOOL_VOLUME, type InjectSettings, type KubernetesObject } from '@cairn/operator';
import type { Capture, PodPlace } from './capture/capture.js';
import type { ControlPlane } from './control-plane.js';
import { DemoError } from './failure.js';
import type { DemoFolder } from './folder.js';
import { runPod, type Images, type RunningPod } from './kubelet/kubelet.js';
import { podOf, type Pod } from './kubelet/pod.js';
import { linkMounts, materialise, VOLUMES } from './kubelet/volumes.js';
import type { Manifests, Service } from './manifests.js';

export interface PlacedPod {
  pod: Pod;
  place: PodPlace;
}

/** Gives every Deployment one pod and a place to run in. */
export async function placePods(manifests: Manifests, capture: Capture): Promise<PlacedPod[]> {
  const placed: PlacedPod[] = [];
  for (const deployment of manifests.deployments) {
    const pod = podOf(deployment);
    const place = await capture.place(pod.spec.containers[0]?.ports?.[0]?.containerPort ?? 8080);
    placed.push({ pod: listeningOn(pod, place), place });
  }
  return placed;
}

/** Where all pods share one loopback, each agent's port is another one than its manifest says. */
function listeningOn(pod: Pod, { appPort, agentEnv }: PodPlace): Pod {
  const added = Object.entries(agentEnv).map(([name, value]) => ({ name, value }));
  const containers = pod.spec.containers.map((container) => {
    const kept = (container.env ?? []).filter((variable) => !(variable.name in agentEnv));
    const ports = container.ports?.map((port) => ({ ...port, containerPort: appPort }));
    return { ...container, env: [...kept, ...added], ...(ports ? { ports } : {}) };
  });
  return { ...pod, spec: { ...pod.spec, containers } };
}

/** `host:port` as agents know it -> where it really is. In a cluster, DNS and Services say this. */
export function serviceAddresses(services: readonly Service[], placed: readonly PlacedPod[]): Record<string, string> {
  const entries = services.map((service) => {
    const found = placed.find(({ pod }) => Object.entries(service.selector).every(([key, value]) => pod.metadata.labels[key] === value));
    if (!found) throw new DemoError(`Service ${service.name} selects no pod`, 'Mend its selector in the examples.');
    const { address, port } = found.place.service;
    return [`${service.name}.${service.namespace}.svc:${service.port}`, `${address}:${port}`] as const;
  });
  return Object.fromEntries(entries);
}

export interface PodsContext {
  manifests: Manifests;
  capture: Capture;
  control: ControlPlane;
  folder: DemoFolder;
  images: Images;
  /** Addresses of everything that the policy's targets name. */
  addresses: Record<string, string>;
}

function injected(placed: PlacedPod, resolveFile: string, context: PodsContext): Pod {
  const { manifests, capture, control } = context;
  const settings: InjectSettings = {
    ...DEFAULT_SETTINGS,
    capture: capture.kind,
    operatorUrl: control.url,
    ports: placed.place.ports,
    env: { CAIRN_RESOLVE_FILE: resolveFile },
  };
  const { policies, enrolled, namespace } = manifests;
  const result = inject(placed.pod as KubernetesObject, { policies, enrolled, namespace, settings });
  const [problem] = result.problems.filter((each) => each.severity === 'error');
  if (problem || result.skipped)
    throw new DemoError(
      `${placed.pod.metadata.name} got no sidecar: ${problem?.message ?? result.skipped}`,
      'Mend the manifest in examples/.',
    );
  return result.object as Pod;
}

function admit(pod: Pod, { manifests, control }: PodsContext): void {
  const { namespace, labels, annotations } = pod.metadata;
  const named = annotations['cairn.dev/policy'];
  const choice = policyFor(manifests.policies, { namespace, labels, ...(named === undefined ? {} : { policyAnnotation: named }) });
  const sidecar = pod.spec.initContainers?.find((container) => container.name === SIDECAR_CONTAINER);
  const agent = sidecar?.env?.find((variable) => variable.name === 'CAIRN_AGENT')?.value;
  const policy = manifests.policies.find((each) => each.metadata.name === choice.policy?.name);
  if (!policy || agent === undefined)
    throw new DemoError(`${pod.metadata.name} has no policy or no agent's name`, 'Mend the manifest in examples/.');
  control.admit(pod, agent, policy);
}

const folderOf = (folder: DemoFolder, pod: Pod): string => join(folder.run, 'pods', pod.metadata.name);

/** Injects and starts one pod; resolves when its agent is ready. */
export async function startPod(placed: PlacedPod, context: PodsContext): Promise<RunningPod> {
  const { folder, capture, control, manifests } = context;
  const home = folderOf(folder, placed.pod);
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'resolve.json'), JSON.stringify(context.addresses, null, 2), { mode: 0o644 });
  const sandbox = await placed.place.open(home);
  try {
    const pod = injected(placed, join(sandbox.folder, 'resolve.json'), context);
    admit(pod, context);
    const token = (of: Pod, _audience: string, seconds: number): Promise<string> => control.podToken(of, seconds);
    await materialise(pod, home, { secrets: manifests.secrets, token }, capture.users);
    await linkMounts(pod, home);
    return await runPod({ pod, sandbox, images: context.images, secrets: manifests.secrets, logs: folder.logs });
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

/** Keeps a stopped pod's spool beyond the pod. */
export async function keepSpool(pod: Pod, folder: DemoFolder): Promise<string> {
  const kept = join(folder.spools, pod.metadata.name);
  await rename(join(folderOf(folder, pod), VOLUMES, SPOOL_VOLUME), kept);
  return kept;
}
