/** Names of Approval objects follow from what is asked, so that two replicas that are asked at once make one object. Pure. */
import { hash } from 'node:crypto';
import type { ApprovalObject, ApprovalRequest } from '@cairn/crds';

/** Hexadecimal digits of the name: 80 bits. */
const DIGITS = 20;

/** One for an agent and its bytes; what was approved, used and asked again is counted. */
function stem({ actor: { agent }, digest }: ApprovalRequest): string {
  return hash('sha256', `${agent.namespace}/${agent.name}\n${digest}`, 'hex').slice(0, DIGITS);
}

export function approvalName(request: ApprovalRequest, count: number): string {
  return `${stem(request)}-${count}`;
}

/** The number in the name of an object that the operator made; undefined for any other object. */
export function countOf({ metadata, spec: { request } }: ApprovalObject): number | undefined {
  if (metadata.namespace !== request.actor.agent.namespace) return undefined;
  const [name, count] = metadata.name.split('-');
  return name === stem(request) && /^[0-9]{1,9}$/.test(count ?? '') ? Number(count) : undefined;
}
