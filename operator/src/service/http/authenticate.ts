import { ON_BEHALF_OF, type Principal, type Workload } from '@cairn/identity';
import type { Request, Response } from 'express';
import type { ServiceContext } from '../context.js';
import type { AgentDescription } from '../options.js';
import { Problem } from './problem.js';

export interface AgentCaller {
  workload: Workload;
  agent: AgentDescription;
  /** `namespace/name`. */
  name: string;
  /** The gateway calls, for itself or on behalf of `agent`. */
  gateway?: true;
}

function bearer(request: Request): string {
  const match = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.authorization ?? '');
  if (match) return match[1]!;
  throw new Problem(401, 'no-token', 'this needs a token: Authorization: Bearer ...');
}

/** The gateway is no agent: it launches nothing, and asks for its own evidence or, where it says so, on behalf of an agent. */
function gatewayCaller(workload: Workload, request: Request): AgentCaller {
  const { namespace } = workload.pod;
  const own = { name: workload.serviceAccount, namespace, maxDepth: 1, allowLoops: false };
  const asked = request.headers[ON_BEHALF_OF];
  const [, of, name] = /^([a-z0-9.-]{1,253})\/([a-z0-9.-]{1,253})$/.exec(typeof asked === 'string' ? asked : '') ?? [];
  if (asked !== undefined && !(of && name)) throw new Problem(400, 'malformed', `${ON_BEHALF_OF} must be NAMESPACE/AGENT`);
  const agent = of && name ? { ...own, name, namespace: of } : own;
  return { workload, agent, name: `${agent.namespace}/${agent.name}`, gateway: true };
}

/** Throws IdentityError, or Problem 403 for a pod that is not known. */
export async function verifyAgent(context: ServiceContext, token: string): Promise<AgentCaller> {
  return knownAgent(context, await context.options.workloads.verify(token));
}

async function knownAgent(context: ServiceContext, workload: Workload): Promise<AgentCaller> {
  const agent = await context.options.agentOf(workload.pod);
  if (!agent) throw new Problem(403, 'unknown-pod', `pod ${workload.pod.namespace}/${workload.pod.name} is no agent that Cairn injected`);
  return { workload, agent, name: `${agent.namespace}/${agent.name}` };
}

/** The sidecar or gateway that calls, by its pod's own token. */
export async function callingAgent(context: ServiceContext, request: Request, response: Response): Promise<AgentCaller> {
  const workload = await context.options.workloads.verify(bearer(request));
  const isGateway = context.options.gateway?.isGateway(workload) === true;
  const caller = isGateway ? gatewayCaller(workload, request) : await knownAgent(context, workload);
  response.locals['agent'] = caller.name;
  return caller;
}

/** The person who calls, by an OIDC token or one of ours. */
export async function callingPerson(context: ServiceContext, request: Request): Promise<Principal> {
  return (await context.people.byToken(bearer(request))).principal;
}

/** Approvals are read by the sidecar that waits and by the people who decide. */
export async function callingAgentOrPerson(
  context: ServiceContext,
  request: Request,
  response: Response,
): Promise<AgentCaller | Principal> {
  return context.people.knows(bearer(request)) ? callingPerson(context, request) : callingAgent(context, request, response);
}

export function isAdmin(context: ServiceContext, principal: Principal): boolean {
  return principal.groups.some((group) => context.options.adminGroups?.includes(group));
}
