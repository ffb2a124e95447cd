import type { Principal, Workload } from '@cairn/identity';
import type { Request, Response } from 'express';
import type { ServiceContext } from '../context.js';
import type { AgentDescription } from '../options.js';
import { Problem } from './problem.js';

export interface AgentCaller {
  workload: Workload;
  agent: AgentDescription;
  /** `namespace/name`. */
  name: string;
}

function bearer(request: Request): string {
  const match = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.authorization ?? '');
  if (match) return match[1]!;
  throw new Problem(401, 'no-token', 'this needs a token: Authorization: Bearer ...');
}

/** Throws IdentityError, or Problem 403 for a pod that is not known. */
export async function verifyAgent(context: ServiceContext, token: string): Promise<AgentCaller> {
  const workload = await context.options.workloads.verify(token);
  const agent = await context.options.agentOf(workload.pod);
  if (!agent) throw new Problem(403, 'unknown-pod', `pod ${workload.pod.namespace}/${workload.pod.name} is no agent that Cairn injected`);
  return { workload, agent, name: `${agent.namespace}/${agent.name}` };
}

/** The sidecar that calls, by its pod's own token. */
export async function callingAgent(context: ServiceContext, request: Request, response: Response): Promise<AgentCaller> {
  const caller = await verifyAgent(context, bearer(request));
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
