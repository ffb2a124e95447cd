/** Bounds on what injection accepts and renders. */

/** Longest value of an annotation of ours, in bytes; Kubernetes allows 256 KiB over all. */
export const ANNOTATION_BYTES_LIMIT = 32 * 1024;
/** Containers and init containers of one pod. */
export const CONTAINERS_LIMIT = 64;
/** Minor version of Kubernetes 1 from which native sidecars are on by default (KEP-753). */
export const NATIVE_SIDECARS_SINCE = 29;
/** Memory-backed folder that the sidecar shares with the agent. */
export const AGENT_FOLDER_SIZE = '4Mi';
/** Disk for evidence that is not shipped yet. */
export const SPOOL_SIZE = '1Gi';
/** Lifetime of the workload token in seconds; kubelet renews it at 80 %. */
export const WORKLOAD_TOKEN_SECONDS = 3600;
/** Seconds that the sidecar has to become ready before its pod counts as broken. */
export const STARTUP_SECONDS = 60;
