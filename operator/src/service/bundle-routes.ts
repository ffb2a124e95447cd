import type { Bundle } from '@cairn/crds';
import { Router } from 'express';
import type { ServiceContext } from './context.js';
import { callingAgent, type AgentCaller } from './http/authenticate.js';
import { numberQuery } from './http/fields.js';
import { Problem } from './http/problem.js';
import { WAIT_SECONDS } from './limits.js';

export const BUNDLES = 'bundles';

export async function bundleOf(context: ServiceContext, { workload, name, gateway }: AgentCaller): Promise<Bundle> {
  if (gateway && context.options.gateway) return context.options.gateway.bundle();
  const bundle = await context.options.bundleFor(workload.pod, workload);
  if (!bundle) throw new Problem(404, 'no-policy', `no AuditPolicy applies to ${name}`);
  return bundle;
}

/** GET /v1/bundle: what the calling sidecar runs by. With If-None-Match and `wait`, answers when it changes, else 304. */
export function bundleRoutes(context: ServiceContext): Router {
  const router = Router();
  router.get('/v1/bundle', async (request, response) => {
    const caller = await callingAgent(context, request, response);
    const seen = request.headers['if-none-match'];
    const deadline = Date.now() + numberQuery(request.query['wait'], 'wait', WAIT_SECONDS) * 1000;
    let bundle = await bundleOf(context, caller);
    while (`"${bundle.version}"` === seen && Date.now() < deadline && !response.closed && !context.changes.closed) {
      await context.changes.wait(BUNDLES, deadline - Date.now(), response);
      bundle = await bundleOf(context, caller);
    }
    response.set('ETag', `"${bundle.version}"`);
    if (`"${bundle.version}"` === seen) response.status(304).end();
    else response.json(bundle);
  });
  return router;
}
