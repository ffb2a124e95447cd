/** A Deployment's template as one pod, the way its controller and the scheduler would make it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { ownerName, templateAt, templatePath, type KubernetesObject, type PodSpec } from '@cairn/operator';

export const NODE_NAME = 'demo';

export interface Pod {
  apiVersion: 'v1';
  kind: 'Pod';
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    labels: Record<string, string>;
    annotations: Record<string, string>;
    ownerReferences: { apiVersion: string; kind: string; name: string; uid: string; controller: boolean }[];
  };
  spec: PodSpec;
}

/** One replica. The uid is the pod's for its whole life. Throws where the object has no pod template. */
export function podOf(workload: KubernetesObject): Pod {
  const path = templatePath(workload.kind);
  const template = path ? templateAt(workload, path) : undefined;
  if (!template?.spec) throw new Error(`${workload.kind} ${workload.metadata?.name} has no pod template`);
  const replicaSet = `${ownerName(workload)}-${randomBytes(4).toString('hex')}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${replicaSet}-${randomBytes(3).toString('hex').slice(0, 5)}`,
      namespace: workload.metadata?.namespace ?? 'default',
      uid: randomUUID(),
      labels: { ...template.metadata?.labels },
      annotations: { ...template.metadata?.annotations },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: replicaSet, uid: randomUUID(), controller: true }],
    },
    spec: structuredClone(template.spec),
  };
}
