/** The resources that hold the service's state. */
import type { AgentLaunch, ApprovalObject, AuditStream } from '@cairn/crds';
import type { ApiObject, Resource } from '../kubernetes/index.js';

const cairn = { group: 'cairn.dev', version: 'v1alpha1', namespaced: true } as const;

export const APPROVALS: Resource<ApprovalObject> = { ...cairn, plural: 'approvals', kind: 'Approval' };
export const AGENT_LAUNCHES: Resource<AgentLaunch> = { ...cairn, plural: 'agentlaunches', kind: 'AgentLaunch' };
export const AUDIT_STREAMS: Resource<AuditStream> = { ...cairn, plural: 'auditstreams', kind: 'AuditStream' };

/** Labels of our objects. */
export const CHAIN_LABEL = 'cairn.dev/chain';
export const POD_UID_LABEL = 'cairn.dev/pod-uid';
/** On a stream that ended longer ago than streams are kept here: to be copied and deleted. */
export const ARCHIVE_LABEL = 'cairn.dev/archive';
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'cairn-operator' } as const;

/** Keeps a revoked launch until nothing below it can act any more: with it the revocation would be gone. */
export const REVOCATION_FINALIZER = 'cairn.dev/revocation';

/** A position in the order of a resource's changes. */
export function revisionOf({ metadata }: ApiObject): number {
  return Number(metadata.resourceVersion);
}
