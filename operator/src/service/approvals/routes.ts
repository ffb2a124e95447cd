import type { Approval } from '@cairn/crds';
import type { Principal } from '@cairn/identity';
import express, { Router, type Request, type Response } from 'express';
import type { ServiceContext } from '../context.js';
import { bundleOf } from '../bundle-routes.js';
import { callingAgent, callingAgentOrPerson, callingPerson, isAdmin, type AgentCaller } from '../http/authenticate.js';
import { fieldsOf, numberQuery, optionalTextField } from '../http/fields.js';
import { Problem } from '../http/problem.js';
import { BODY_BYTES, EVENT_ID_CHARACTERS, REASON_CHARACTERS, WAIT_SECONDS } from '../limits.js';
import type { Vote } from '../stores.js';
import { ApprovalRefusal, mayVote } from './decide.js';
import { readApprovalRequest, statedRequirement } from './request.js';

const unknown = (): Problem => new Problem(404, 'unknown-approval', 'there is no such approval');

function isOwn({ actor: { agent } }: Approval, caller: AgentCaller): boolean {
  return agent.name === caller.agent.name && agent.namespace === caller.agent.namespace;
}

/** People see what they may decide on and what they set in motion themselves; admins see all. */
function maySee(context: ServiceContext, approval: Approval, caller: AgentCaller | Principal): boolean {
  if ('workload' in caller) return isOwn(approval, caller);
  const { root } = approval.actor;
  return mayVote(approval, caller) || isAdmin(context, caller) || (root?.iss === caller.iss && root.sub === caller.sub);
}

/** Runs a change and says a refusal as a problem. */
async function refusing(change: Promise<Approval>): Promise<Approval> {
  try {
    return await change;
  } catch (error) {
    if (!(error instanceof ApprovalRefusal)) throw error;
    const forbidden = error.code === 'not-in-group' || error.code === 'self-approval';
    throw new Problem(forbidden ? 403 : 409, error.code, error.message);
  }
}

async function requestApproval(context: ServiceContext, request: Request, response: Response): Promise<void> {
  const caller = await callingAgent(context, request, response);
  const asked = readApprovalRequest(request.body);
  const { agent } = asked.actor;
  if (agent.name !== caller.agent.name || agent.namespace !== caller.agent.namespace) {
    throw new Problem(403, 'other-agent', `${caller.name} asks for an approval of ${agent.namespace}/${agent.name}`);
  }
  const bundle = await bundleOf(context, caller);
  const { approval, created } = await context.approvals.request(statedRequirement(asked, bundle));
  if (created)
    context.log({ level: 'info', message: 'approval requested', approval: approval.id, agent: caller.name, rule: approval.rule });
  if (created) context.metrics.approvals.inc({ state: approval.state });
  response.status(created ? 201 : 200).json(approval);
}

async function awaitDecision(context: ServiceContext, request: Request<{ id: string }>, response: Response): Promise<void> {
  const caller = await callingAgentOrPerson(context, request, response);
  const { id } = request.params;
  const approval = 'workload' in caller ? await context.approvals.find(id, caller.agent.namespace) : context.approvals.get(id);
  if (!approval || !maySee(context, approval, caller)) throw unknown();
  const wait = numberQuery(request.query['wait'], 'wait', WAIT_SECONDS) * 1000;
  const deadline = Math.min(Date.now() + wait, Date.now() + Date.parse(approval.expires) - context.clock());
  while (context.approvals.get(id)?.state === 'pending' && Date.now() < deadline && !response.closed && !context.changes.closed) {
    await context.changes.wait(id, deadline - Date.now(), response);
  }
  response.json(context.approvals.get(id) ?? approval);
}

async function vote(context: ServiceContext, request: Request<{ id: string }>, response: Response): Promise<void> {
  const { iss, sub, name, groups } = await callingPerson(context, request);
  const fields = fieldsOf(request.body);
  const decision = fields['decision'];
  if (decision !== 'approve' && decision !== 'deny') throw new Problem(400, 'malformed', 'decision must be approve or deny');
  const reason = optionalTextField(fields, 'reason', REASON_CHARACTERS);
  const cast: Vote = { approver: { iss, sub, name, groups }, decision, ...(reason ? { reason } : {}) };
  const approval = await refusing(context.approvals.vote(request.params.id, cast));
  if (approval.state !== 'pending') context.metrics.approvals.inc({ state: approval.state });
  context.log({ level: 'info', message: 'approval voted', approval: approval.id, by: name, decision, state: approval.state });
  response.json(approval);
}

async function use(context: ServiceContext, request: Request<{ id: string }>, response: Response): Promise<void> {
  const caller = await callingAgent(context, request, response);
  const { namespace } = caller.agent;
  const approval = await context.approvals.find(request.params.id, namespace);
  if (!approval || !isOwn(approval, caller)) throw unknown();
  const event = optionalTextField(fieldsOf(request.body), 'event', EVENT_ID_CHARACTERS);
  response.json(await refusing(context.approvals.use(approval.id, namespace, event)));
}

async function list(context: ServiceContext, request: Request, response: Response): Promise<void> {
  const person = await callingPerson(context, request);
  const state = request.query['state'];
  const approvals = context.approvals
    .list()
    .filter((each) => (state === undefined || each.state === state) && maySee(context, each, person));
  response.json({ approvals });
}

export function approvalRoutes(context: ServiceContext): Router {
  const router = Router();
  const json = express.json({ limit: BODY_BYTES });
  router.post('/v1/approvals', json, (request, response) => requestApproval(context, request, response));
  router.get('/v1/approvals', (request, response) => list(context, request, response));
  router.get('/v1/approvals/:id', (request: Request<{ id: string }>, response) => awaitDecision(context, request, response));
  router.post('/v1/approvals/:id/votes', json, (request: Request<{ id: string }>, response) => vote(context, request, response));
  router.post('/v1/approvals/:id/use', json, (request: Request<{ id: string }>, response) => use(context, request, response));
  return router;
}
