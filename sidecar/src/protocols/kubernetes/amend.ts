/** Workloads that an agent creates while it serves requests bear a reference to the launch that it acts for, or are refused. */
import type { Decided } from '../http/decided.js';
import type { Problem } from '../http/problem.js';
import type { SessionContext } from '../protocol.js';
import { launches, readSubmitted, stamp } from './body/index.js';
import { kindOf, patchType } from './interpret.js';
import { requestInfo } from './request-info.js';

export function amend(context: SessionContext, decided: Decided, body: Buffer | undefined): Buffer | Problem | undefined {
  const { head, route, attribution } = decided;
  const info = requestInfo(head.method, route.path);
  if (!context.refer || info.kind !== 'resource' || !launches(info.verb, kindOf(info), info.subresource)) return undefined;
  const { identity } = attribution;
  if (!identity) return unattributed(attribution.method);
  if (!body) return head.hasBody ? unstamped('is too large to be read') : undefined;
  const patch = info.verb === 'patch' ? patchType(head.contentType) : '';
  const stamped = stamp(readSubmitted(head, body), patch, context.refer(identity.launch.id));
  return 'refused' in stamped ? unstamped(stamped.refused) : stamped.body;
}

function unattributed(method: string): Problem {
  const who = method === 'ambiguous' ? 'it is serving several people' : 'it serves a request that nobody proved to have made';
  return {
    status: 403,
    code: 'launch-unattributed',
    detail: `The agent launches something, and ${who}: pass the header Cairn-Context or traceparent of the request on that it is for.`,
  };
}

function unstamped(reason: string): Problem {
  return {
    status: 415,
    code: 'launch-unreferenced',
    detail: `The agent serves requests, so what it launches must say for whom, and the body ${reason}.`,
  };
}
