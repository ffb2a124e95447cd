export { inject, type InjectContext, type InjectResult } from './inject.js';
export { injectYaml, ManifestError, type DocumentOutcome } from './documents.js';
export { DEFAULT_PORTS, DEFAULT_SETTINGS, type InjectSettings, type SidecarPorts } from './settings.js';
export { skipSentence, type Problem, type ProblemCode, type SkipReason } from './problem.js';
export { WORKLOAD_AUDIENCE, SIDECAR_CONTAINER, SPOOL_VOLUME } from './names.js';
export { templateAt, templatePath, ownerName, type KubernetesObject, type PodTemplate } from './workload.js';
export type { Container, EnvVar, PodSpec, SecurityContext, Volume } from './kubernetes.js';
