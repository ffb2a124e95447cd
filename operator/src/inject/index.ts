export { inject, skipOf, type InjectContext, type InjectResult } from './inject.js';
export { injectEphemeral, type EphemeralContext } from './ephemeral.js';
export { injectYaml, ManifestError, type DocumentOutcome } from './documents.js';
export { DEFAULT_PORTS, DEFAULT_SETTINGS, type InjectSettings, type SidecarPorts } from './settings.js';
export { skipSentence, type Problem, type ProblemCode, type SkipReason } from './problem.js';
export { GRANT_ANNOTATION } from './annotations.js';
export {
  AGENT_LABEL,
  AGENT_NAME,
  API_TOKEN_VOLUME,
  SIDECAR_UIDS,
  isSidecarUid,
  WORKLOAD_AUDIENCE,
  SIDECAR_CONTAINER,
  SPOOL_VOLUME,
  TOKEN_VOLUME,
} from './names.js';
export type { PodSecurityLevel } from './check-pod.js';
export { strip } from './strip.js';
export { templateAt, templatePath, ownerName, withTemplate, type KubernetesObject, type PodTemplate } from './workload.js';
export type { Container, EnvVar, Pod, PodSpec, SecurityContext, Volume } from './kubernetes.js';
