/**
 * Takes out everything that an earlier injection rendered. A marker that says "already injected" could be written by anybody,
 * so nothing is ever skipped for it: what is there is stripped and rendered anew. The status annotation only says which
 * variables to put back; a forged one gives its author nothing that the pod's own env would not.
 */
import type { Container, ObjectMeta, PodSpec } from './kubernetes.js';
import { restoreVariables, type ReplacedEnv } from './agent-env.js';
import { STATUS_ANNOTATION } from './annotations.js';
import { AGENT_LABEL, CAPTURE_CONTAINER, isOurVolume, isServiceAccountVolume, SIDECAR_CONTAINER } from './names.js';
import type { PodTemplate } from './workload.js';

export type Status = Record<string, ReplacedEnv>;

const OURS = new Set([CAPTURE_CONTAINER, SIDECAR_CONTAINER]);
const isStripped = (volume: string): boolean => isOurVolume(volume) || isServiceAccountVolume(volume);

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
  const volumeMounts = restored.volumeMounts.filter((mount) => !isStripped(mount.name));
  return tidy({ ...restored, volumeMounts }, 'volumeMounts');
}

function stripSpec(spec: PodSpec, status: Status): PodSpec {
  const stripped: PodSpec = { ...spec, containers: spec.containers.map((each) => stripContainer(each, status)) };
  if (spec.initContainers) {
    stripped.initContainers = spec.initContainers.filter((each) => !OURS.has(each.name)).map((each) => stripContainer(each, status));
  }
  if (spec.volumes) {
    stripped.volumes = spec.volumes.filter((volume) => !isStripped(volume.name));
  }
  return tidy(tidy(stripped, 'initContainers'), 'volumes');
}

/** Takes one label or annotation out. */
function without(metadata: ObjectMeta, map: 'labels' | 'annotations', key: string): ObjectMeta {
  const values = metadata[map];
  if (values?.[key] === undefined) return metadata;
  const { [key]: _, ...kept } = values;
  return tidy({ ...metadata, [map]: kept }, map);
}

/** The template as the user wrote it, but for the hardening of security contexts, which renders the same again. */
export function strip(template: PodTemplate & { spec: PodSpec }): PodTemplate & { spec: PodSpec } {
  const spec = stripSpec(template.spec, readStatus(template));
  if (!template.metadata) return { ...template, spec };
  const unlabelled = without(template.metadata, 'labels', AGENT_LABEL);
  return { ...template, metadata: without(unlabelled, 'annotations', STATUS_ANNOTATION), spec };
}
