/** Injection: a pod or workload in, the same with a sidecar out. No clock, no IO, the input untouched. */
import { choosePolicy, type AuditPolicy, type AuditPolicySpec } from '@cairn/crds';
import type { PodSpec } from './kubernetes.js';
import { readAnnotations, type InjectAnnotations } from './annotations.js';
import type { Plan } from './containers.js';
import { checkPod, type PodSecurityLevel, type Surroundings } from './check-pod.js';
import { AGENT_NAME } from './names.js';
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
  /** The cluster's version, where it is known. */
  kubernetes?: { major: number; minor: number };
  /** Level that Pod Security enforces in the namespace, where it is known. */
  podSecurity?: PodSecurityLevel;
  /** The agent's name where no annotation gives one; default: its owner's. */
  agent?: string;
  /** UID drawn for this pod's sidecar; default: the settings'. */
  sidecarUid?: number;
}

export interface InjectResult<T> {
  /** The injected object; the input itself where it was skipped or has errors. */
  object: T;
  skipped?: SkipReason;
  problems: Problem[];
}

type Template = PodTemplate & { spec: PodSpec };

/** In an enrolled namespace nothing is skipped: what can't be captured there is refused. */
function skipReason(template: Template, annotations: InjectAnnotations, enrolled: boolean): SkipReason | undefined {
  if (enrolled) return undefined;
  if (annotations.inject === false) return 'opted-out';
  if (annotations.inject === undefined) return 'not-enrolled';
  return template.spec.hostNetwork ? 'host-network' : undefined;
}

function checkOptOut(annotations: InjectAnnotations, enrolled: boolean, at: string, problems: Problem[]): void {
  if (annotations.inject !== false || !enrolled) return;
  const message = 'Every pod of an enrolled namespace has a sidecar; run this one in a namespace that is not enrolled.';
  problems.push({ severity: 'error', code: 'opt-out', path: `${at}["cairn.dev/inject"]`, message });
}

function checkAgentName(agent: string, at: string, problems: Problem[]): void {
  if (AGENT_NAME.test(agent)) return;
  const message = `"${agent}" is no name for an agent (lower-case letters, digits and dashes, at most 63); name it by the annotation cairn.dev/agent.`;
  problems.push({ severity: 'error', code: 'agent-name', path: at, message });
}

function makePlan(
  agent: string,
  annotations: InjectAnnotations,
  { targets, egress }: AuditPolicySpec,
  sidecarUid: number,
  settings: InjectSettings,
): Plan {
  return {
    agent,
    sidecarUid,
    capture: annotations.capture ?? settings.capture,
    logLevel: annotations.logLevel ?? settings.logLevel,
    resources: { cpu: annotations.cpu ?? settings.resources.cpu, memory: annotations.memory ?? settings.resources.memory },
    targets,
    secrets: secretsOf(targets),
    mounted: egress === 'Gateway' ? [] : secretsOf(targets),
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

/** Whether an object gets no sidecar, and why; what is wrong with it is for `inject` to say. */
export function skipOf(object: KubernetesObject, enrolled: boolean): SkipReason | undefined {
  const path = templatePath(object.kind);
  const found = path ? templateAt(object, path) : undefined;
  if (!found?.spec?.containers) return 'unsupported-kind';
  return skipReason({ ...found, spec: found.spec }, readAnnotations(found.metadata?.annotations, '', []), enrolled);
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
  checkOptOut(annotations, context.enrolled, `${at}metadata.annotations`, problems);
  if (problems.some(isError)) return { object, problems };
  const skipped = skipReason(template, annotations, context.enrolled);
  if (skipped) return { object, skipped, problems };
  const namespace = object.metadata?.namespace ?? context.namespace;
  const pod = {
    namespace,
    labels: template.metadata?.labels ?? {},
    ...(annotations.policy ? { policyAnnotation: annotations.policy } : {}),
  };
  const { policy, problem } = choosePolicy(context.policies, pod);
  if (problem) return { object, problems: [...problems, { severity: 'error', path: `${at}metadata`, ...problem }] };
  const { settings } = context;
  const agent = annotations.agent ?? context.agent ?? ownerName(object);
  // A user namespace maps no UID beyond 65535.
  const uid = template.spec.hostUsers === false ? settings.sidecarUid : (context.sidecarUid ?? settings.sidecarUid);
  const plan = makePlan(agent, annotations, policy.spec, uid, settings);
  checkAgentName(agent, `${at}metadata`, problems);
  checkPod(template.spec, plan, surroundingsOf(context), `${at}spec`, problems);
  if (problems.some(isError)) return { object, problems };
  return { object: withTemplate(object, path, render(template, plan)) as T, problems };
}

function surroundingsOf({ enrolled, kubernetes, podSecurity }: InjectContext): Surroundings {
  return { enrolled, ...(kubernetes ? { kubernetes } : {}), ...(podSecurity ? { podSecurity } : {}) };
}

const isError = (problem: Problem): boolean => problem.severity === 'error';
