/** Connections that went past a sidecar, as it tells of them. */
import express, { Router } from 'express';
import type { ServiceContext } from '../context.js';
import { callingAgent } from '../http/authenticate.js';
import { fieldsOf, portField, textField } from '../http/fields.js';
import { BODY_BYTES, HOST_CHARACTERS } from '../limits.js';

export function uncapturedRoutes(context: ServiceContext): Router {
  const router = Router();
  router.post('/v1/uncaptured', express.json({ limit: BODY_BYTES }), async (request, response) => {
    const { workload } = await callingAgent(context, request, response);
    const fields = fieldsOf(request.body);
    const to = { host: textField(fields, 'host', HOST_CHARACTERS), port: portField(fields, 'port') };
    context.metrics.uncaptured.inc();
    context.log({ level: 'warn', message: 'uncaptured', ...workload.pod, ...to });
    await context.options.uncaptured?.(workload.pod, to);
    response.status(204).end();
  });
  return router;
}
