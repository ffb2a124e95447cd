/** Our own resources: policies and providers are checked whole, decisions and revocations are signed with who took them. */
import { parsePolicies, type AgentLaunch, type ApprovalObject } from '@cairn/crds';
import { callerOf, type Caller } from '../lineage/index.js';
import { passed, refused } from './decision.js';
import type { AdmissionOptions } from './options.js';
import { jsonPatch } from './patch.js';
import type { AdmissionRequest, Decision } from './review.js';

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** AuditPolicy and IdentityProvider: the same checks as `cairn policy check`, so that nothing is stored that can't be used. */
export function validateResource({ object, old, operation }: AdmissionRequest): Decision {
  if (!object || (operation === 'UPDATE' && same(object.spec, old?.spec))) return passed('unchanged');
  const { name, namespace, labels } = object.metadata ?? {};
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(labels === undefined ? {} : { labels }) };
  const text = JSON.stringify({ apiVersion: object.apiVersion, kind: object.kind, metadata, spec: object.spec });
  const { problems } = parsePolicies(text, 'object');
  const [first] = problems;
  if (!first) return passed('valid');
  return refused(first.code, problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join(' '));
}

/** Who decides: never an agent. */
function decider(caller: Caller): Extract<Caller, { kind: 'principal' }>['principal'] | undefined {
  return caller.kind === 'principal' ? caller.principal : undefined;
}

const AGENTS_DECIDE_NOTHING = 'agents neither approve nor revoke; that is for people and for service accounts that are no agents';

async function voted(request: AdmissionRequest, options: AdmissionOptions): Promise<Decision> {
  const [object, old] = [request.object, request.old] as [unknown, unknown] as [ApprovalObject, ApprovalObject];
  if (object.spec.decision === undefined) {
    const changed = !same(object.spec.votes, old.spec.votes) || !same(object.spec.request, old.spec.request);
    return changed ? refused('votes', 'votes are written by the operator; decide by spec.decision: approve or deny') : passed('unchanged');
  }
  const approver = decider(callerOf(request.user, options.cluster, options.trusted));
  if (!approver) return refused('agent', AGENTS_DECIDE_NOTHING);
  if (!options.vote) return refused('unavailable', 'approvals are not served by this operator');
  const asked: ApprovalObject = { ...object, spec: { ...object.spec, request: old.spec.request, votes: old.spec.votes } };
  const spec = await options.vote(asked, old, approver);
  return { allowed: true, patch: jsonPatch(object, { ...object, spec }), warnings: [], code: 'voted' };
}

function revoked(request: AdmissionRequest, options: AdmissionOptions): Decision {
  const [object, old] = [request.object, request.old] as [unknown, unknown] as [AgentLaunch, AgentLaunch];
  const { revoked: revocation } = object.spec;
  if (revocation === undefined || old.spec.revoked !== undefined) return passed('unchanged');
  const by = decider(callerOf(request.user, options.cluster, options.trusted));
  if (!by) return refused('agent', AGENTS_DECIDE_NOTHING);
  const time = new Date((options.clock ?? Date.now)()).toISOString();
  const { reason } = revocation;
  const signed = { by: by.name, time, ...(reason === undefined ? {} : { reason }) };
  return {
    allowed: true,
    patch: jsonPatch(object, { ...object, spec: { ...object.spec, revoked: signed } }),
    warnings: [],
    code: 'revoked',
  };
}

/** Throws LineageRefusal, and what `vote` throws. */
export async function mutateResource(request: AdmissionRequest, options: AdmissionOptions): Promise<Decision> {
  const { kind, operation, object, old, subResource } = request;
  if (operation !== 'UPDATE' || subResource !== '' || !object?.spec || !old?.spec) return passed('not-a-decision');
  if (kind.kind === 'Approval') return voted(request, options);
  return kind.kind === 'AgentLaunch' ? revoked(request, options) : passed('not-a-decision');
}
