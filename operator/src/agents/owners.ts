/** What made a pod, as far as names tell: ReplicaSets and Jobs are named after the Deployments and CronJobs that make them. */
import type { GrantOwner } from '@cairn/identity';
import type { Pod } from '../kubernetes/index.js';

/** A CronJob's Job: its name and the minute since 1970 that it was due. */
const SCHEDULED = /^(.+)-\d{8,11}$/;

function maker({ kind, name }: GrantOwner, labels: Record<string, string>): GrantOwner | undefined {
  const hash = labels['pod-template-hash'];
  if (kind === 'ReplicaSet' && hash && name.endsWith(`-${hash}`)) return { kind: 'Deployment', name: name.slice(0, -hash.length - 1) };
  const scheduled = kind === 'Job' ? SCHEDULED.exec(name) : null;
  return scheduled ? { kind: 'CronJob', name: scheduled[1]! } : undefined;
}

/** The pod, its controller and that one's maker. A grant is bound to what the pod runs besides, so a look-alike gains nothing. */
export function ownersOf({ metadata: { name = '', labels = {}, ownerReferences = [] } }: Pod): GrantOwner[] {
  const controller = ownerReferences.find((owner) => owner.controller);
  const own = { kind: 'Pod', name };
  if (!controller) return [own];
  const above = maker(controller, labels);
  return [own, { kind: controller.kind, name: controller.name }, ...(above ? [above] : [])];
}
