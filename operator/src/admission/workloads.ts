/** Mutation of pods and of what makes them: the launch grant on all of them, the sidecar in pods. */
import { randomInt } from 'node:crypto';
import { IdentityError, uuidv7 } from '@cairn/identity';
import { inject, injectEphemeral, SIDECAR_UIDS, skipOf, templateAt, type KubernetesObject, type Pod } from '../inject/index.js';
import {
  decideStamp,
  GRANT_SECONDS,
  launchesAnew,
  LineageRefusal,
  referredCaller,
  templateHash,
  type Presented,
  type Stamp,
} from '../lineage/index.js';
import { CAPTURE_ANNOTATION } from '../names.js';
import { passed, refusalOf, refused, skippedFor, warningsOf } from './decision.js';
import type { AdmissionContext } from './options.js';
import { jsonPatch } from './patch.js';
import { referenceOn, TAKE_REFERENCE_OFF } from './reference.js';
import type { AdmissionRequest, Decision, GroupVersionKind } from './review.js';
import { grantOn, injectContext, pathOf, policyOf, subjectOf, withGrant, type ChosenPolicy, type Subject } from './subject.js';

type PolicySpec = Extract<ChosenPolicy, { spec: unknown }>['spec'];

/** A framework's own resource has no policy of its own; what it makes is held to one. */
const UNBOUNDED = { maxDepth: Number.MAX_SAFE_INTEGER, allowLoops: true };

async function presentedBy(subject: Subject, options: AdmissionContext): Promise<Presented> {
  const token = grantOn(subject.metadata);
  if (token === undefined) return undefined;
  try {
    return { grant: await options.signer.verify(token) };
  } catch (error) {
    if (error instanceof IdentityError && error.code !== 'unavailable') return { refused: error };
    throw error;
  }
}

function hashOf({ object, path }: Subject): string | undefined {
  const template = path && templateAt(object, path);
  return template?.spec?.containers ? templateHash({ ...template, spec: template.spec }) : undefined;
}

/** Throws LineageRefusal. */
async function stampFor(subject: Subject, policy: PolicySpec | undefined, options: AdmissionContext): Promise<Stamp> {
  const { object, namespace, caller, fallback, metadata } = subject;
  return decideStamp({
    caller,
    object,
    namespace,
    template: hashOf(subject),
    named: metadata.annotations?.['cairn.dev/agent'],
    fallback,
    limits: policy?.identity ?? UNBOUNDED,
    identityRequired: policy?.identity.required ?? false,
    presented: await presentedBy(subject, options),
    now: Math.floor(options.clock() / 1000),
  });
}

async function stamped(subject: Subject, stamp: Stamp, options: AdmissionContext): Promise<KubernetesObject> {
  switch (stamp.kind) {
    case 'keep':
      return subject.object;
    case 'mint':
      return withGrant(subject, await options.signer.mint(stamp.grant, uuidv7(), GRANT_SECONDS));
    case 'none':
      return withGrant(subject, undefined);
  }
}

/** The subject with the launch that its caller acts for. Throws LineageRefusal and IdentityError. */
async function referred(subject: Subject, token: string | undefined, { signer, cluster }: AdmissionContext): Promise<Subject> {
  if (token === undefined || subject.caller.kind !== 'agent') return subject;
  const reference = await signer.verifyReference(token).catch((error: Error) => {
    throw new LineageRefusal('reference-invalid', error.message);
  });
  await cluster.heard(reference.launch);
  return { ...subject, caller: referredCaller(subject.caller, reference, cluster) };
}

function drawnUid(): number {
  return SIDECAR_UIDS.first + randomInt(SIDECAR_UIDS.count);
}

/**
 * Explicit capture holds nobody by itself. People may choose it; an agent that may would choose it for those that it launches. In strict
 * mode one that has it itself may: what it launches reaches nothing that it does not reach.
 */
function loosenedCapture({ caller, metadata }: Subject, { egress }: PolicySpec, options: AdmissionContext): Decision | undefined {
  const asked = metadata.annotations?.[CAPTURE_ANNOTATION];
  if (caller.kind !== 'agent' || asked !== 'explicit' || options.settings().capture === 'explicit') return undefined;
  if (egress === 'Gateway' && options.cluster.isExplicit(caller.pod)) return undefined;
  return refused(
    'capture',
    'agents may not launch agents with explicit capture, which does not hold them by itself; leave the annotation out (in strict mode, policies with egress: Gateway, an agent with explicit capture may)',
  );
}

/** Pods come back with their sidecar; of what makes pods, only whether its pods would be accepted is looked at. */
async function launched(subject: Subject, enrolled: boolean, options: AdmissionContext): Promise<Decision> {
  const { object, namespace, path } = subject;
  const chosen = policyOf(subject, options);
  if ('problem' in chosen) return refused(chosen.problem.code, chosen.problem.message);
  const stamp = await stampFor(subject, chosen.spec, options);
  const context = { ...injectContext(namespace, enrolled, options), agent: stamp.agent, sidecarUid: drawnUid() };
  const result = inject(object, context);
  const refusal = refusalOf(result.problems);
  if (refusal) return refusal;
  const loosened = loosenedCapture(subject, chosen.spec, options);
  if (loosened) return loosened;
  const isPod = path?.length === 0;
  const outcome = await stamped(
    { ...subject, object: isPod ? result.object : object, metadata: metadataOf(isPod ? result.object : object, subject) },
    stamp,
    options,
  );
  return { allowed: true, patch: jsonPatch(object, outcome), warnings: warningsOf(result.problems), code: isPod ? 'injected' : 'stamped' };
}

const metadataOf = (object: KubernetesObject, { path, metadata }: Subject): Subject['metadata'] =>
  (path ? templateAt(object, path)?.metadata : undefined) ?? metadata;

/** An update that launches nothing new keeps the stamp that stood there, whatever it brings along: nothing rolls for it. */
function restored(subject: Subject, old: KubernetesObject): Decision {
  const { object, path } = subject;
  const before = (path ? templateAt(old, path)?.metadata : old.metadata) ?? {};
  if (grantOn(before) === grantOn(subject.metadata)) return passed('unchanged');
  return { allowed: true, patch: jsonPatch(object, withGrant(subject, grantOn(before))), warnings: [], code: 'unchanged' };
}

/** A resource whose controller is trusted to make workloads of it: stamped beside its name. */
async function stampResource(subject: Subject, kind: GroupVersionKind, options: AdmissionContext): Promise<Decision> {
  const name = `${kind.kind}.${kind.group}`;
  if (!options.trusted.some(({ kinds }) => kinds.includes(name))) return passed('not-a-launch');
  const outcome = await stamped(subject, await stampFor(subject, undefined, options), options);
  return { allowed: true, patch: jsonPatch(subject.object, outcome), warnings: [], code: 'stamped' };
}

function hardenEphemeral(request: AdmissionRequest, object: KubernetesObject, options: AdmissionContext): Decision {
  const chosen = policyOf({ metadata: object.metadata ?? {}, namespace: request.namespace }, options);
  const targets = 'spec' in chosen ? chosen.spec.targets : [];
  const result = injectEphemeral(object as Pod, (request.old ?? {}) as Pod, { settings: options.settings(), targets });
  const refusal = refusalOf(result.problems);
  if (refusal) return refusal;
  return { allowed: true, patch: jsonPatch(object, result.object), warnings: warningsOf(result.problems), code: 'hardened' };
}

/** Decides on one request. `enrolled`: by the path that the API server called. Throws LineageRefusal and ApprovalRefusal-like errors. */
export async function mutateWorkload(request: AdmissionRequest, enrolled: boolean, options: AdmissionContext): Promise<Decision> {
  const { object, reference } = referenceOn(request.object);
  const decision = await mutated({ ...request, object }, reference, enrolled, options);
  return reference === undefined || !decision.allowed ? decision : { ...decision, patch: [TAKE_REFERENCE_OFF, ...decision.patch] };
}

async function mutated(
  request: AdmissionRequest,
  reference: string | undefined,
  enrolled: boolean,
  options: AdmissionContext,
): Promise<Decision> {
  const { object, old, operation, subResource, kind } = request;
  if (!object || (operation !== 'CREATE' && operation !== 'UPDATE')) return passed('no-object');
  if (subResource === 'ephemeralcontainers') return hardenEphemeral(request, object, options);
  const path = pathOf(kind);
  if (subResource !== '' || (path?.length === 0 && operation === 'UPDATE')) return passed('not-a-launch');
  const skipped = path && skipOf(object, enrolled);
  if (skipped) return skippedFor(skipped);
  const subject = await referred(subjectOf(request, object, options), reference, options);
  if (operation === 'UPDATE' && old && !launchesAnew(object, old, path ?? [])) return restored(subject, old);
  return path ? launched(subject, enrolled, options) : stampResource(subject, kind, options);
}
