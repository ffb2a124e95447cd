/** What a token exchange decides: which launch a subject at a pod is. Pure. */
import {
  derivedUuidv7,
  firstLaunch,
  grantParent,
  IdentityError,
  nextLaunch,
  uuidv7Time,
  type GrantOwner,
  type LaunchNode,
  type Principal,
  type VerifiedGrant,
  type VerifiedLaunch,
} from '@cairn/identity';
import type { AgentDescription } from '../options.js';

export type Subject =
  | { kind: 'person'; principal: Principal; /** Identifies the login. */ login: string; /** Seconds since the epoch. */ issued: number }
  | { kind: 'launch'; launch: VerifiedLaunch }
  | { kind: 'grant'; grant: VerifiedGrant; /** Seconds since the epoch. */ issued: number };

/**
 * A launch is one subject at one pod. Its id follows from both, so that repeating an exchange, here or at another
 * replica, gives the same launch, and a revoked one stays revoked.
 */
export function launchOf(subject: Subject, pod: string, agent: AgentDescription): LaunchNode {
  const name = `${agent.namespace}/${agent.name}`;
  if (subject.kind === 'launch') return below(subject.launch, pod, agent, name);
  if (subject.kind === 'grant') return granted(subject.grant, subject.issued, pod, agent, name);
  return firstLaunch(subject.principal, name, derivedUuidv7(subject.issued * 1000, `person\n${subject.login}\n${pod}`));
}

/** Of the launch that a pod's own grant gives it. */
export function ownLaunchId(grant: Pick<VerifiedGrant, 'id' | 'issued'>, pod: string): string {
  return derivedUuidv7(grant.issued * 1000, `grant\n${grant.id}\n${pod}`);
}

/** One millisecond later than its parent, so that ids sort along a chain. */
function below(parent: LaunchNode, pod: string, agent: AgentDescription, name: string): LaunchNode {
  const { id } = parent.launch;
  return nextLaunch(parent, name, agent, derivedUuidv7(uuidv7Time(id) + 1, `launch\n${id}\n${pod}`));
}

/** A name that the API server completes ends with a hyphen, which no complete name does. */
function isOwner(stamped: GrantOwner, owner: GrantOwner): boolean {
  if (stamped.kind !== owner.kind) return false;
  return stamped.name === owner.name || (stamped.name.endsWith('-') && owner.name.startsWith(stamped.name));
}

/** A grant is good for pods of the workload that was stamped, as it was stamped. Throws IdentityError `claims`. */
function checkGrant(grant: VerifiedGrant, agent: AgentDescription, name: string): void {
  const { owner, template } = grant;
  if (grant.namespace !== agent.namespace || grant.agent !== agent.name) {
    throw new IdentityError('claims', `the grant is for ${grant.namespace}/${grant.agent}, not for ${name}`);
  }
  if (owner && !agent.owners?.some((each) => isOwner(owner, each))) {
    throw new IdentityError(
      'claims',
      `the grant is for pods of ${owner.kind} ${owner.name}, which did not make this one; apply the workload again`,
    );
  }
  if (template !== undefined && agent.template !== undefined && template !== agent.template) {
    throw new IdentityError('claims', 'the pod runs something else than what the grant was given for; apply the workload again');
  }
}

function granted(grant: VerifiedGrant, issued: number, pod: string, agent: AgentDescription, name: string): LaunchNode {
  checkGrant(grant, agent, name);
  const parent = grantParent(grant);
  const id = ownLaunchId({ id: grant.id, issued }, pod);
  return parent ? nextLaunch(parent, name, agent, id) : firstLaunch(grant.principal, name, id);
}

/** A pod's own launch, to be given a fresh token. Throws IdentityError where it is another pod's or too old. */
export function renewed(launch: VerifiedLaunch, pod: string, now: number, ageSeconds: number): LaunchNode {
  if (launch.pod.uid !== pod) throw new IdentityError('claims', 'only the pod that a launch token was minted for may renew it');
  if (now - uuidv7Time(launch.launch.id) / 1000 > ageSeconds) {
    throw new IdentityError('expired', `the launch is older than ${ageSeconds} seconds and may not be renewed; start it again`);
  }
  return { root: launch.root, launch: launch.launch, ancestors: launch.ancestors };
}
