/** Whose launch a workload is: the grant that admission stamps on it. Pure; grants were verified before. */
import { canonicalJson } from '@cairn/audit';
import { IdentityError, nextLaunch, type ChainLimits, type Grant, type GrantOwner, type VerifiedGrant } from '@cairn/identity';
import type { KubernetesObject } from '../inject/index.js';
import type { Caller } from './caller.js';
import { STAMP_REUSE_SECONDS } from './limits.js';
import { LineageRefusal } from './refusal.js';

/** The grant that an object carries, as its verifier found it. */
export type Presented = { grant: VerifiedGrant } | { refused: IdentityError } | undefined;

export interface StampRequest {
  caller: Caller;
  object: KubernetesObject;
  namespace: string;
  /** What the template's pods run, by templateHash; undefined for a framework's own resource. */
  template: string | undefined;
  /** The agent's name by its annotation. */
  named: string | undefined;
  /** The agent's name where neither annotation nor grant say one. */
  fallback: string;
  /** The namespace's policy for it. */
  limits: ChainLimits;
  identityRequired: boolean;
  presented: Presented;
  /** Seconds since the epoch. */
  now: number;
}

export type Stamp =
  /** The grant that it carries stays. */
  | { kind: 'keep'; agent: string; grant: VerifiedGrant }
  | { kind: 'mint'; agent: string; grant: Grant }
  /** Nobody is known to have launched it, and its policy asks for nobody. */
  | { kind: 'none'; agent: string };

function ownerOf({ kind, metadata }: KubernetesObject): GrantOwner {
  return { kind: kind ?? '', name: metadata?.name ?? metadata?.generateName ?? '' };
}

/** Names that controllers make of a workload's: a Deployment's ReplicaSet, a CronJob's Job. */
const MADE_OF: Record<string, string> = { Deployment: 'ReplicaSet', CronJob: 'Job' };

function isOwner(owner: GrantOwner, kind: string, name: string): boolean {
  if (owner.kind === kind) return owner.name.endsWith('-') ? name.startsWith(owner.name) : owner.name === name;
  return MADE_OF[owner.kind] === kind && name.startsWith(owner.name.endsWith('-') ? owner.name : `${owner.name}-`);
}

const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? apiVersion.split('/')[0]! : '');

/** Holds a grant that a controller passes on to the object that it stands on. Throws LineageRefusal. */
function hold(request: StampRequest, kinds: readonly string[] | undefined): VerifiedGrant {
  const { presented, object, namespace } = request;
  if (!presented || 'refused' in presented) {
    const expired = presented?.refused.code === 'expired';
    const why = presented ? presented.refused.message : 'there is none';
    throw new LineageRefusal(expired ? 'grant-expired' : 'grant-invalid', `the launch grant does not hold: ${why}; apply its owner again`);
  }
  const { grant } = presented;
  if (grant.namespace !== namespace) {
    throw new LineageRefusal('grant-namespace', `the launch grant is for namespace ${grant.namespace}, not for ${namespace}`);
  }
  const controller = object.metadata?.ownerReferences?.find((owner) => owner.controller);
  const declared = !kinds || (controller && kinds.includes(`${controller.kind}.${groupOf(controller.apiVersion)}`));
  if (!controller || !declared || !grant.owner || !isOwner(grant.owner, controller.kind, controller.name)) {
    const owner = grant.owner ? `${grant.owner.kind} ${grant.owner.name}` : 'another object';
    throw new LineageRefusal('grant-owner', `the launch grant is for ${owner}, which does not own this; apply the owner again`);
  }
  return grant;
}

/** A controller of Kubernetes copies a template as it is. */
function passedOn(request: StampRequest): Stamp {
  const grant = hold(request, undefined);
  if (grant.template !== request.template) {
    const message =
      'the pod runs something else than the template that was launched: something changed it on the way; apply the owner again';
    throw new LineageRefusal('grant-template', message);
  }
  if (request.named !== undefined && request.named !== grant.agent) {
    throw new LineageRefusal('grant-agent', `the launch grant is for agent ${grant.agent}, not for ${request.named}`);
  }
  return { kind: 'keep', agent: grant.agent, grant };
}

const workload = ({ object, namespace, template }: StampRequest): Pick<Grant, 'namespace' | 'owner' | 'template'> => ({
  namespace,
  owner: ownerOf(object),
  ...(template === undefined ? {} : { template }),
});

/** Whether the grant was minted for this very object, moments ago: the webhook is called again for one request. */
function isOwn(request: StampRequest, { grant }: { grant: VerifiedGrant }): boolean {
  const { namespace, owner, template } = workload(request);
  const same = canonicalJson({ ...grant.owner }) === canonicalJson({ ...owner }) && grant.namespace === namespace;
  return same && grant.template === template && request.now - grant.issued <= STAMP_REUSE_SECONDS;
}

/** A framework's controller makes workloads of its own resource: the same launch, bound to what it made. */
function derived(request: StampRequest, kinds: readonly string[]): Stamp {
  const { presented } = request;
  if (presented && 'grant' in presented && isOwn(request, presented)) {
    return { kind: 'keep', agent: presented.grant.agent, grant: presented.grant };
  }
  const { principal, parent, agent: granted } = hold(request, kinds);
  const agent = request.named ?? granted;
  return { kind: 'mint', agent, grant: { principal, ...(parent ? { parent } : {}), agent, ...workload(request) } };
}

function bounded(error: unknown): never {
  if (error instanceof IdentityError && (error.code === 'depth' || error.code === 'loop'))
    throw new LineageRefusal(error.code, error.message);
  throw error;
}

/** What is stamped for a caller who acts in their own right, or for an agent that launches another. Throws LineageRefusal. */
function launched(request: StampRequest, caller: Extract<Caller, { kind: 'agent' | 'principal' }>): Grant {
  const agent = request.named ?? request.fallback;
  if (caller.kind === 'principal') return { principal: caller.principal, agent, ...workload(request) };
  const { root, launch, ancestors } = caller.parent;
  try {
    nextLaunch(caller.parent, `${request.namespace}/${agent}`, request.limits);
  } catch (error) {
    bounded(error);
  }
  return { principal: root, parent: { launch, ancestors }, agent, ...workload(request) };
}

function says(verified: VerifiedGrant, grant: Grant): boolean {
  const { id: _id, issued: _issued, expires: _expires, ...said } = verified;
  return canonicalJson(said) === canonicalJson(grant);
}

/** The grant that this very request was given for one of the agent's launches, by the reference that was then taken off. */
function referredBefore(request: StampRequest, caller: Extract<Caller, { kind: 'agent' }>): Stamp | undefined {
  const { presented, named, fallback } = request;
  if (!presented || 'refused' in presented || !isOwn(request, presented)) return undefined;
  const { grant } = presented;
  const ours = grant.agent === (named ?? fallback) && grant.parent !== undefined && caller.ran(grant.parent.launch.id);
  return ours ? { kind: 'keep', agent: grant.agent, grant } : undefined;
}

function byAgent(request: StampRequest, caller: Extract<Caller, { kind: 'agent' }>): Stamp {
  if (caller.referred || !caller.serves) return fresh(request, caller);
  const before = referredBefore(request, caller);
  if (before) return before;
  const message =
    'the calling agent serves requests, and its sidecar did not say for which of them this is; create it through the sidecar, as JSON or YAML';
  throw new LineageRefusal('unreferenced', message);
}

/** Grants that such a caller brings along are dropped, but for the one that this very request was just given. */
function fresh(request: StampRequest, caller: Extract<Caller, { kind: 'agent' | 'principal' }>): Stamp {
  const grant = launched(request, caller);
  const { presented, now } = request;
  const { agent } = grant;
  if (!presented || 'refused' in presented || now - presented.grant.issued > STAMP_REUSE_SECONDS || !says(presented.grant, grant)) {
    return { kind: 'mint', agent, grant };
  }
  return { kind: 'keep', agent, grant: presented.grant };
}

function unstamped({ identityRequired, named, fallback }: StampRequest): Stamp {
  if (!identityRequired) return { kind: 'none', agent: named ?? fallback };
  const message =
    'nobody is known to have launched its owner, which was created before the namespace was enrolled; apply it again, or kubectl rollout restart';
  throw new LineageRefusal('unstamped', message);
}

/** Decides for an object that is created, or whose template was changed. Throws LineageRefusal. */
export function decideStamp(request: StampRequest): Stamp {
  const { caller, presented, object } = request;
  switch (caller.kind) {
    case 'controller':
      if (!caller.passes.includes(object.kind ?? '')) return fresh(request, { kind: 'principal', principal: caller.principal });
      return presented ? passedOn(request) : unstamped(request);
    case 'trusted':
      if (!presented) return fresh(request, { kind: 'principal', principal: caller.principal });
      return derived(request, caller.kinds);
    case 'agent':
      return byAgent(request, caller);
    case 'principal':
      return fresh(request, caller);
  }
}
