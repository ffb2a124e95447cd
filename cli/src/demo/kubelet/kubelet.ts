/**
 * A very small kubelet: runs the containers of a pod as processes, in Kubernetes' order. Init containers one after the other,
 * a native sidecar (restartPolicy Always) stays and must pass its startup probe first, then the pod's own containers.
 */
import { join } from 'node:path';
import type { Container } from '@cairn/operator';
import { DemoError } from '../failure.js';
import { PROBE_MS, START_MS } from '../limits.js';
import { until } from '../wait.js';
import { environmentOf, type Secrets } from './env.js';
import type { Pod } from './pod.js';
import { logTail, startProcess, type ContainerProcess } from './process.js';
import type { Sandbox, SandboxUser } from './sandbox.js';
import { mountsOf } from './volumes.js';

/** Images of the manifests -> the folder that they hold. */
export type Images = (image: string) => string;

export interface RunningPod {
  pod: Pod;
  /** First the agents, then the sidecars, each told by SIGTERM. */
  stop: () => Promise<void>;
}

interface Place {
  pod: Pod;
  sandbox: Sandbox;
  images: Images;
  secrets: Secrets;
  logs: string;
}

function userOf(container: Container, pod: Pod): SandboxUser {
  const context = container.securityContext ?? {};
  const uid = context.runAsUser ?? pod.spec.securityContext?.runAsUser ?? 0;
  const gid = context.runAsGroup ?? pod.spec.securityContext?.runAsGroup ?? uid;
  return { uid, gid, capabilities: context.capabilities?.add ?? [] };
}

function start(container: Container, command: readonly string[], place: Place, log = container.name): ContainerProcess {
  const { pod, sandbox } = place;
  const env = environmentOf(container, pod, place.secrets, mountsOf(container, sandbox.folder));
  const launch = sandbox.enter([...command], env, place.images(container.image ?? ''), userOf(container, pod));
  return startProcess(launch, join(place.logs, `${pod.metadata.name}.${log}.log`));
}

function failed(container: Container, process: ContainerProcess, how: number | string, pod: Pod): DemoError {
  const which = `container ${container.name} of pod ${pod.metadata.name}`;
  return new DemoError(`${which} ended (${how}):\n${logTail(process.log)}`, `Its whole log is ${process.log}.`);
}

/** Runs the probe's command until it succeeds; fails at once when the container ends. */
async function ready(container: Container, running: ContainerProcess, place: Place): Promise<void> {
  const command = (container.startupProbe ?? container.readinessProbe)?.exec?.command;
  if (!command) return;
  let ended: number | string | undefined;
  void running.ended.then((how) => (ended = how));
  const what = `container ${container.name} of pod ${place.pod.metadata.name} to be ready`;
  const probe = async (): Promise<true | undefined> => {
    if (ended !== undefined) throw failed(container, running, ended, place.pod);
    const asked = start(container, command, place, `${container.name}.probe`);
    return (await asked.ended) === 0 ? true : undefined;
  };
  await until(what, { limitMs: START_MS, pauseMs: PROBE_MS }, probe);
}

async function runInit(container: Container, place: Place): Promise<void> {
  const process = start(container, commandOf(container), place);
  const how = await process.ended;
  if (how !== 0) throw failed(container, process, how, place.pod);
}

const commandOf = (container: Container): string[] => [...(container.command ?? []), ...(container.args ?? [])];

export async function runPod(place: Place): Promise<RunningPod> {
  const sidecars: ContainerProcess[] = [];
  const agents: ContainerProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(agents.map((each) => each.stop()));
    await Promise.all(sidecars.map((each) => each.stop()));
    await place.sandbox.close();
  };
  const keep = async (container: Container, among: ContainerProcess[]): Promise<void> => {
    const process = start(container, commandOf(container), place);
    among.push(process);
    await ready(container, process, place);
  };
  try {
    for (const container of place.pod.spec.initContainers ?? []) {
      await (container.restartPolicy === 'Always' ? keep(container, sidecars) : runInit(container, place));
    }
    for (const container of place.pod.spec.containers) await keep(container, agents);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pod: place.pod, stop };
}
