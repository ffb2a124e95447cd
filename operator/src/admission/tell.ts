/** Says what was decided, where people look: the log, and an Event where something got no sidecar or was refused. */
import { skipSentence, type SkipReason } from '../inject/index.js';
import type { AdmissionEvent, AdmissionOptions } from './options.js';
import type { AdmissionRequest, Decision } from './review.js';

const SKIPS: ReadonlySet<string> = new Set<SkipReason>(['not-enrolled', 'opted-out', 'host-network']);

/** What is refused is never stored, so its Event stands beside what wanted it: its owner, else itself by name. */
function regarding({ object, kind, namespace, name }: AdmissionRequest): AdmissionEvent['regarding'] | undefined {
  const owner = object?.metadata?.ownerReferences?.find((each) => each.controller);
  if (owner) return { apiVersion: owner.apiVersion, kind: owner.kind, namespace, name: owner.name, uid: owner.uid };
  const own = name || object?.metadata?.name;
  if (!own || namespace === '') return undefined;
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  return { apiVersion, kind: kind.kind, namespace, name: own };
}

function eventOf(request: AdmissionRequest, decision: Decision): AdmissionEvent | undefined {
  const about = regarding(request);
  if (!about) return undefined;
  if (!decision.allowed) {
    return { type: 'Warning', reason: 'AdmissionRefused', message: `${decision.message} (${decision.code})`, regarding: about };
  }
  if (!SKIPS.has(decision.code)) return undefined;
  const message = `No sidecar. ${skipSentence(decision.code as SkipReason)} (${decision.code})`;
  return { type: 'Normal', reason: 'InjectionSkipped', message, regarding: about };
}

export function tell(webhook: string, request: AdmissionRequest, decision: Decision, options: AdmissionOptions): void {
  const { kind, namespace, name, user, uid, operation, dryRun } = request;
  options.log({
    level: decision.allowed ? 'info' : 'warn',
    message: decision.allowed ? 'admitted' : 'refused',
    webhook,
    request: uid,
    operation,
    kind: kind.kind,
    namespace,
    name: name || (request.object?.metadata?.generateName ?? ''),
    user: user.username,
    code: decision.code,
    ...(decision.allowed ? {} : { reason: decision.message }),
  });
  const event = dryRun ? undefined : eventOf(request, decision);
  if (event) options.event(event);
}
