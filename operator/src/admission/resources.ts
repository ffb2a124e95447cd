/** Our own resources: policies and providers are checked whole, decisions and revocations are signed with who took them. */
import { parsePolicies, type AgentLaunch, type ApprovalObject } from '@cairn/crds';
import type { Principal } from '@cairn/identity';
import type { KubernetesObject } from '../inject/index.js';
import { callerOf } from '../lineage/index.js';
import { admitDecision, admitRevocation, votesAreSigned } from '../service/index.js';
import { passed, refused } from './decision.js';
import type { AdmissionContext } from './options.js';
import { jsonPatch } from './patch.js';
import type { AdmissionRequest, Decision } from './review.js';

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** AuditPolicy and IdentityProvider: the same checks as `cairn policy check`, so that nothing is stored that can't be used. */
function validDeclaration(object: KubernetesObject): Decision {
  const { name, namespace, labels } = object.metadata ?? {};
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(labels === undefined ? {} : { labels }) };
  const text = JSON.stringify({ apiVersion: object.apiVersion, kind: object.kind, metadata, spec: object.spec });
  const { problems } = parsePolicies(text, 'object');
  const [first] = problems;
  if (!first) return passed('valid');
  return refused(first.code, problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join(' '));
}

const approval = (object: KubernetesObject): ApprovalObject => object as unknown as ApprovalObject;

/** Votes are signed whoever writes them, the operator too. */
export async function validateResource({ object, old, operation, kind }: AdmissionRequest, context: AdmissionContext): Promise<Decision> {
  if (!object || (operation === 'UPDATE' && same(object.spec, old?.spec))) return passed('unchanged');
  if (kind.kind !== 'Approval') return validDeclaration(object);
  if (await votesAreSigned(old && approval(old), approval(object), context.keys)) return passed('valid');
  return refused('typed-vote', 'votes are written by admission; set spec.decision to approve or deny instead');
}

const AGENTS_DECIDE_NOTHING = 'agents neither approve nor revoke; that is for people and for service accounts that are no agents';

/** Who decides: never an agent. */
function decider({ user }: AdmissionRequest, { cluster, trusted }: AdmissionContext): Principal | undefined {
  const caller = callerOf(user, cluster, trusted);
  return caller.kind === 'agent' ? undefined : caller.principal;
}

/** Decisions and revocations are written with who took them, by the API server's user info. Throws LineageRefusal and ApprovalRefusal. */
export async function mutateResource(request: AdmissionRequest, context: AdmissionContext): Promise<Decision> {
  const { kind, operation, object, old, subResource } = request;
  if (operation !== 'UPDATE' || subResource !== '' || !object?.spec || !old?.spec) return passed('not-a-decision');
  const by = decider(request, context);
  if (!by) return same(object.spec, old.spec) ? passed('unchanged') : refused('agent', AGENTS_DECIDE_NOTHING);
  const now = context.clock();
  if (kind.kind === 'Approval') {
    const stored = await admitDecision(approval(old), approval(object), by, context.keys, now);
    return { allowed: true, patch: jsonPatch(object, stored), warnings: [], code: 'decided' };
  }
  if (kind.kind !== 'AgentLaunch') return passed('not-a-decision');
  const [before, after] = [old, object] as unknown as [AgentLaunch, AgentLaunch];
  return { allowed: true, patch: jsonPatch(object, admitRevocation(before, after, by.name, now)), warnings: [], code: 'revoked' };
}
