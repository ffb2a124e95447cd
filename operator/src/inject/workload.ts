/** Where the pod template stands in each kind of workload. */
import type { ObjectMeta, PodSpec } from './kubernetes.js';

/** Any object as read from YAML or an admission request. */
export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  spec?: object;
}

export interface PodTemplate {
  metadata?: ObjectMeta;
  spec?: PodSpec;
}

const templatePaths: Record<string, readonly string[]> = {
  Pod: [],
  PodTemplate: ['template'],
  Deployment: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** Path of the pod template inside an object of this kind; undefined where it has none. */
export function templatePath(kind: string | undefined): readonly string[] | undefined {
  return kind !== undefined && Object.hasOwn(templatePaths, kind) ? templatePaths[kind] : undefined;
}

/** The pod template at `path`, or undefined where the object is not shaped so. */
export function templateAt(object: KubernetesObject, path: readonly string[]): PodTemplate | undefined {
  let node: unknown = object;
  for (const key of path) node = (node as Record<string, unknown> | undefined)?.[key];
  return typeof node === 'object' && node !== null && 'spec' in node ? (node as PodTemplate) : undefined;
}

/** A copy of the object with another pod template; shares everything off the path. */
export function withTemplate(object: KubernetesObject, path: readonly string[], template: PodTemplate): KubernetesObject {
  const [key, ...rest] = path;
  if (key === undefined) return { ...object, ...template };
  const child = (object as Record<string, KubernetesObject>)[key] ?? {};
  return { ...object, [key]: withTemplate(child, rest, template) };
}

/** The agent's name where no annotation gives one: the workload's, or its controller's for a bare pod. */
export function ownerName(object: KubernetesObject): string {
  const meta = object.metadata ?? {};
  const controller = meta.ownerReferences?.find((owner) => owner.controller);
  if (controller) return controller.kind === 'ReplicaSet' ? controller.name.replace(/-[a-z0-9]{1,10}$/, '') : controller.name;
  return meta.name ?? (meta.generateName ?? 'agent').replace(/-$/, '');
}
