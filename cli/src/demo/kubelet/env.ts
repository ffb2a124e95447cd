/** The environment of a container as kubelet resolves it: literals, downward API, Secrets, and paths of mounted volumes. */
import type { Container, EnvVar } from '@cairn/operator';
import { NODE_NAME, type Pod } from './pod.js';

/** Data of the Secrets of the pod's namespace, by name and key. */
export type Secrets = ReadonlyMap<string, Readonly<Record<string, string>>>;

const ANNOTATION = /^metadata\.annotations\['(.+)'\]$/;

function fieldOf(pod: Pod, path: string): string {
  const annotation = ANNOTATION.exec(path)?.[1];
  if (annotation !== undefined) return pod.metadata.annotations[annotation] ?? '';
  const fields: Record<string, string> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': NODE_NAME,
  };
  const value = fields[path];
  if (value === undefined) throw new Error(`fieldPath ${path} is not one that the demo knows`);
  return value;
}

function valueOf(variable: EnvVar, pod: Pod, secrets: Secrets): string {
  const { fieldRef, secretKeyRef } = variable.valueFrom ?? {};
  if (fieldRef) return fieldOf(pod, fieldRef.fieldPath);
  if (secretKeyRef) {
    const value = secrets.get(secretKeyRef.name ?? '')?.[secretKeyRef.key];
    if (value === undefined) throw new Error(`Secret ${secretKeyRef.name} has no key ${secretKeyRef.key}`);
    return value;
  }
  return variable.value ?? '';
}

/** Where a container's mount paths are: below `root`, each under its own name. */
export interface Mounts {
  root: string;
  paths: readonly string[];
}

/** Moves mount paths inside a value below the root; a value that is a folder above mounts moves as a whole. */
export function relocate(text: string, { root, paths }: Mounts): string {
  if (text.startsWith('/') && paths.some((path) => path.startsWith(`${text}/`))) return root + text;
  const outermost = paths.filter((path) => !paths.some((other) => path.startsWith(`${other}/`)));
  return outermost.reduce((result, path) => result.replaceAll(path, root + path), text);
}

export function environmentOf(container: Container, pod: Pod, secrets: Secrets, mounts: Mounts): Record<string, string> {
  const entries = (container.env ?? []).map((variable) => [variable.name, relocate(valueOf(variable, pod, secrets), mounts)] as const);
  return Object.fromEntries(entries);
}
