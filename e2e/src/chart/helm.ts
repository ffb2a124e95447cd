/** Helm on the chart, without a cluster. */
import { tmpdir } from 'node:os';
import { parseAllDocuments } from 'yaml';
import { CommandError, helmProgram, runCommand, type CommandResult } from '../harness/kubernetes/index.js';
import { CHART, GOLDEN, NAMESPACE, RELEASE } from './repository.js';

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** One document of `helm template` and the template that it comes from. */
export interface Rendered {
  /** `templates/operator-service.yaml` */
  template: string;
  text: string;
}

export const valuesFile = (set: string): string => `${GOLDEN}/${set}.values.yaml`;

/** Runs Helm and resolves to what it said, also when it fails. */
export async function tryHelm(args: readonly string[]): Promise<CommandResult> {
  return runCommand(await helmProgram(), args, { env: { PATH: process.env['PATH'], HOME: tmpdir() } });
}

/** The manifests of a release, as Helm prints them. Rejects with a CommandError. */
export async function template(args: readonly string[]): Promise<string> {
  const result = await tryHelm(['template', RELEASE, CHART, '--namespace', NAMESPACE, ...args]);
  if (result.code !== 0) throw new CommandError('helm template', result);
  return result.stdout;
}

export function documents(manifests: string): Rendered[] {
  const sources = manifests.split(/^---\n# Source: cairn\//m).slice(1);
  return sources.map((text) => {
    const end = text.indexOf('\n');
    return { template: text.slice(0, end), text: text.slice(end + 1) };
  });
}

export function objects(manifests: string): KubernetesObject[] {
  return parseAllDocuments(manifests)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}
