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

/** Replaces mount paths by the folders that the volumes really are; longest path first, so that a nested mount wins. */
export function relocate(text: string, mounts: ReadonlyMap<string, string>): string {
  const ordered = [...mounts].toSorted(([a], [b]) => b.length - a.length);
  return ordered.reduce((result, [path, folder]) => result.replaceAll(path, folder), text);
}

/** `mounts`: mountPath -> folder as the process sees it. */
export function environmentOf(
  container: Container,
  pod: Pod,
  secrets: Secrets,
  mounts: ReadonlyMap<string, string>,
): Record<string, string> {
  const entries = (container.env ?? []).map((variable) => [variable.name, relocate(valueOf(variable, pod, secrets), mounts)] as const);
  return Object.fromEntries(entries);
}
