/** Kubernetes' types as the plain data that YAML and admission requests hold; the client's own are classes. */
import type * as k8s from '@kubernetes/client-node';

type Data<T> = T extends Date ? T : T extends (infer U)[] ? Data<U>[] : T extends object ? { [K in keyof T]: Data<T[K]> } : T;

export type ObjectMeta = Data<k8s.V1ObjectMeta>;
export type PodSpec = Data<k8s.V1PodSpec>;
export type Pod = Data<k8s.V1Pod>;
export type Deployment = Data<k8s.V1Deployment>;
export type Container = Data<k8s.V1Container>;
export type EnvVar = Data<k8s.V1EnvVar>;
export type SecurityContext = Data<k8s.V1SecurityContext>;
export type Volume = Data<k8s.V1Volume>;
export type VolumeMount = Data<k8s.V1VolumeMount>;
