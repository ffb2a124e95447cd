import express, { Router } from 'express';
import type { ServiceContext } from '../context.js';
import { callingAgent, callingPerson, isAdmin } from '../http/authenticate.js';
import { fieldsOf, numberQuery, optionalTextField, uuidField } from '../http/fields.js';
import { Problem } from '../http/problem.js';
import { BODY_BYTES, REASON_CHARACTERS, WAIT_SECONDS } from '../limits.js';
import { REVOCATIONS } from '../stores.js';

/** GET /v1/revocations?after=N&wait=S for sidecars; POST for members of the admin groups. */
export function revocationRoutes(context: ServiceContext): Router {
  const router = Router();
  const { list } = context.revocations;
  router.get('/v1/revocations', async (request, response) => {
    await callingAgent(context, request, response);
    const after = numberQuery(request.query['after'], 'after', Number.MAX_SAFE_INTEGER);
    const wait = numberQuery(request.query['wait'], 'wait', WAIT_SECONDS);
    // Numbers may begin anew, when a cluster is restored from a copy: whoever is ahead of us is told everything at the next change.
    const ahead = after > list.last;
    if (list.last <= after) await context.changes.wait(REVOCATIONS, wait * 1000, response);
    response.json({ last: list.last, revocations: list.after(ahead && after > list.last ? 0 : after) });
  });
  router.post('/v1/revocations', express.json({ limit: BODY_BYTES }), async (request, response) => {
    const person = await callingPerson(context, request);
    if (!isAdmin(context, person)) throw new Problem(403, 'not-admin', 'only members of an admin group may revoke launches');
    const fields = fieldsOf(request.body);
    const launch = uuidField(fields, 'launch');
    const time = new Date(context.clock()).toISOString();
    const entry = await context.revocations.revoke(launch, person.name, time, optionalTextField(fields, 'reason', REASON_CHARACTERS));
    context.log({ level: 'warn', message: 'launch revoked', launch, by: person.name });
    response.status(201).json(entry);
  });
  return router;
}
