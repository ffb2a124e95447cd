/**
 * Takes out everything that an earlier injection rendered. A marker that says "already injected" could be written by anybody,
 * so nothing is ever skipped for it: what is there is stripped and rendered anew. The status annotation only says which
 * variables to put back; a forged one gives its author nothing that the pod's own env would not.
 */
import type { Container, PodSpec } from './kubernetes.js';
import { restoreVariables, type ReplacedEnv } from './agent-env.js';
import { STATUS_ANNOTATION } from './annotations.js';
import { CAPTURE_CONTAINER, PREFIX, SERVICE_ACCOUNT_DIR, SIDECAR_CONTAINER } from './names.js';
import type { PodTemplate } from './workload.js';

export type Status = Record<string, ReplacedEnv>;

const OURS = new Set([CAPTURE_CONTAINER, SIDECAR_CONTAINER]);

/** Status annotation of an earlier pass; empty where there is none or it is not ours. */
function readStatus(template: PodTemplate): Status {
  const text = template.metadata?.annotations?.[STATUS_ANNOTATION];
  if (text === undefined) return {};
  try {
    const status = JSON.parse(text) as Status;
    const holds = Object.values(status).every((undo) => Array.isArray(undo.added) && Array.isArray(undo.replaced));
    return holds ? status : {};
  } catch {
    return {};
  }
}

/** Drops a member that would be left as an empty list or object. */
function tidy<T extends object>(object: T, key: keyof T & string): T {
  const value = object[key];
  const empty = Array.isArray(value) ? value.length === 0 : typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  if (!empty) return object;
  const { [key]: _, ...rest } = object;
  return rest as T;
}

function stripContainer(container: Container, status: Status): Container {
  const undo = Object.hasOwn(status, container.name) ? status[container.name] : undefined;
  const restored = undo ? restoreVariables(container, undo) : container;
  if (!restored.volumeMounts) return restored;
  const volumeMounts = restored.volumeMounts.filter((mount) => !mount.name.startsWith(PREFIX) && mount.mountPath !== SERVICE_ACCOUNT_DIR);
  return tidy({ ...restored, volumeMounts }, 'volumeMounts');
}

function stripSpec(spec: PodSpec, status: Status): PodSpec {
  const stripped: PodSpec = { ...spec, containers: spec.containers.map((each) => stripContainer(each, status)) };
  if (spec.initContainers) {
    stripped.initContainers = spec.initContainers.filter((each) => !OURS.has(each.name)).map((each) => stripContainer(each, status));
  }
  if (spec.volumes) {
    // kube-api-access-* is what the ServiceAccount admission plugin adds before webhooks are called.
    stripped.volumes = spec.volumes.filter((volume) => !volume.name.startsWith(PREFIX) && !volume.name.startsWith('kube-api-access-'));
  }
  return tidy(tidy(stripped, 'initContainers'), 'volumes');
}

/** The template as the user wrote it, but for the hardening of security contexts, which renders the same again. */
export function strip(template: PodTemplate & { spec: PodSpec }): PodTemplate & { spec: PodSpec } {
  const spec = stripSpec(template.spec, readStatus(template));
  const annotations = template.metadata?.annotations;
  if (annotations?.[STATUS_ANNOTATION] === undefined) return { ...template, spec };
  const { [STATUS_ANNOTATION]: _, ...kept } = annotations;
  return { ...template, metadata: tidy({ ...template.metadata, annotations: kept }, 'annotations'), spec };
}
