/** What of a pod template makes it the one that somebody launched. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@cairn/audit';
import {
  GRANT_ANNOTATION,
  strip,
  templateAt,
  withTemplate,
  type Container,
  type KubernetesObject,
  type PodSpec,
  type PodTemplate,
} from '../inject/index.js';

type Template = PodTemplate & { spec: PodSpec };

/** Variables that controllers add to the pods they make of a template (Indexed Jobs). */
const CONTROLLERS_ENV = new Set(['JOB_COMPLETION_INDEX']);

function ran({ name, image, command, args, workingDir, env = [], envFrom = [] }: Container): unknown {
  return { name, image, command, args, workingDir, env: env.filter((each) => !CONTROLLERS_ENV.has(each.name)), envFrom };
}

function ours({ metadata }: PodTemplate): Record<string, string> {
  const entries = Object.entries(metadata?.annotations ?? {});
  return Object.fromEntries(entries.filter(([key]) => key.startsWith('cairn.dev/') && key !== GRANT_ANNOTATION));
}

/**
 * `sha256:` and hex over what a template's pods run: programs, environment, service account, our annotations. The same for a
 * workload's template and for its pods, which controllers and admission plugins complete with labels, volumes, tolerations,
 * priorities and limits.
 */
export function templateHash(template: Template): string {
  const stripped = strip(template);
  const { spec } = stripped;
  const what = {
    serviceAccount: spec.serviceAccountName || 'default',
    annotations: ours(stripped),
    init: (spec.initContainers ?? []).map(ran),
    containers: spec.containers.map(ran),
  };
  return `sha256:${createHash('sha256').update(canonicalJson(what)).digest('hex')}`;
}

function withoutGrant({ annotations, ...rest }: NonNullable<PodTemplate['metadata']>): object {
  const { [GRANT_ANNOTATION]: _, ...kept } = annotations ?? {};
  return { ...rest, annotations: kept };
}

/** What launches depend on in an object: its template; of a CronJob all of its spec, because its schedule launches too. */
function essence(object: KubernetesObject, path: readonly string[]): string {
  const found = templateAt(object, path);
  if (!found?.spec?.containers) return canonicalJson(object.spec ?? null);
  const stripped = strip({ ...found, spec: found.spec });
  const template = { ...stripped, metadata: withoutGrant(stripped.metadata ?? {}) };
  return canonicalJson(object.kind === 'CronJob' ? withTemplate(object, path, template).spec : template);
}

/** Whether an update launches something else. A scale, a label of the workload or our own stamp does not. */
export function launchesAnew(object: KubernetesObject, old: KubernetesObject, path: readonly string[]): boolean {
  return essence(object, path) !== essence(old, path);
}
