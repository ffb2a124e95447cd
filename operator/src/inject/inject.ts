/** Injection: a pod or workload in, the same with a sidecar out. No clock, no IO, the input untouched. */
import { policyFor, type AuditPolicy, type Target } from '@cairn/crds';
import type { PodSpec } from './kubernetes.js';
import { readAnnotations, type InjectAnnotations } from './annotations.js';
import type { Plan } from './containers.js';
import { checkPod } from './harden.js';
import type { Problem, SkipReason } from './problem.js';
import { render } from './render.js';
import type { InjectSettings } from './settings.js';
import { strip } from './strip.js';
import { secretsOf } from './volumes.js';
import { ownerName, templateAt, templatePath, withTemplate, type KubernetesObject, type PodTemplate } from './workload.js';

export interface InjectContext {
  /** Policies with defaults filled in; those of other namespaces are ignored. */
  policies: readonly AuditPolicy[];
  settings: InjectSettings;
  /** Whether the namespace carries cairn.dev/enroll=true: there, injection is the default. */
  enrolled: boolean;
  /** Namespace of objects that name none. */
  namespace: string;
}

export interface InjectResult<T> {
  /** The injected object; the input itself where it was skipped or has errors. */
  object: T;
  skipped?: SkipReason;
  problems: Problem[];
}

type Template = PodTemplate & { spec: PodSpec };

function skipReason(template: Template, annotations: InjectAnnotations, enrolled: boolean): SkipReason | undefined {
  if (annotations.inject === false) return 'opted-out';
  if (annotations.inject === undefined && !enrolled) return 'not-enrolled';
  return template.spec.hostNetwork ? 'host-network' : undefined;
}

function makePlan(agent: string, annotations: InjectAnnotations, targets: readonly Target[], settings: InjectSettings): Plan {
  return {
    agent,
    capture: annotations.capture ?? settings.capture,
    logLevel: annotations.logLevel ?? settings.logLevel,
    resources: { cpu: annotations.cpu ?? settings.resources.cpu, memory: annotations.memory ?? settings.resources.memory },
    targets,
    secrets: secretsOf(targets),
    settings,
  };
}

/** Annotations beside the template instead of on it would silently do nothing. */
function checkPlacement(object: KubernetesObject, path: readonly string[], problems: Problem[]): void {
  if (path.length === 0) return;
  for (const key of Object.keys(object.metadata?.annotations ?? {})) {
    if (!key.startsWith('cairn.dev/')) continue;
    const message = `Annotations of Cairn belong on the pod template (${path.join('.')}.metadata.annotations); here they do nothing.`;
    problems.push({ severity: 'warning', code: 'misplaced-annotation', path: `metadata.annotations["${key}"]`, message });
  }
}

/**
 * Gives a Pod, Deployment, ReplicaSet, StatefulSet, DaemonSet, Job or CronJob its sidecar. Injecting twice is the same as once.
 * Never throws for what users write: errors stand in `problems`, and an object with an error comes back as it was.
 */
export function inject<T extends KubernetesObject>(object: T, context: InjectContext): InjectResult<T> {
  const problems: Problem[] = [];
  const path = templatePath(object.kind);
  const found = path ? templateAt(object, path) : undefined;
  if (!path || !found?.spec?.containers) return { object, skipped: 'unsupported-kind', problems };
  checkPlacement(object, path, problems);
  const template = strip({ ...found, spec: found.spec });
  const at = path.length > 0 ? `${path.join('.')}.` : '';
  const annotations = readAnnotations(template.metadata?.annotations, `${at}metadata.annotations`, problems);
  if (problems.some(isError)) return { object, problems };
  const skipped = skipReason(template, annotations, context.enrolled);
  if (skipped) return { object, skipped, problems };
  const namespace = object.metadata?.namespace ?? context.namespace;
  const pod = {
    namespace,
    labels: template.metadata?.labels ?? {},
    ...(annotations.policy ? { policyAnnotation: annotations.policy } : {}),
  };
  const { policy, problem } = policyFor(context.policies, pod);
  if (problem) return { object, problems: [...problems, { severity: 'error', path: `${at}metadata`, ...problem }] };
  checkPod(template.spec, context.settings.sidecarUid, `${at}spec`, problems);
  if (problems.some(isError)) return { object, problems };
  const plan = makePlan(annotations.agent ?? ownerName(object), annotations, policy.spec.targets, context.settings);
  return { object: withTemplate(object, path, render(template, plan)) as T, problems };
}

const isError = (problem: Problem): boolean => problem.severity === 'error';
