/** What to say of an AuditPolicy. Pure. */
import { MAX_LAST_VALID_CHARS, type AuditPolicy } from '@cairn/crds';
import type { Observation } from '../../kubernetes/index.js';
import { NAMES_SHOWN_COUNT, PROBLEMS_SHOWN_COUNT } from './limits.js';

export interface PolicyView {
  /** What is wrong with the stored version. */
  problems: readonly { path: string; message: string }[];
  /** Whether a version of it is in force. */
  inForce: boolean;
  /** Agents' pods that run by it. */
  pods: readonly string[];
  /** Agents' pods that its selector takes and another policy's as well, so that they run by none. */
  disputed: readonly { pod: string; policies: readonly string[] }[];
  targets: number;
  /** IdentityProviders that it names and the cluster lacks. */
  unknownProviders: readonly string[];
  /** Secrets and the like are not looked at: the operator may not read them. */
  enrolled: boolean;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN_COUNT).join(', ');
  return names.length > NAMES_SHOWN_COUNT ? `${shown} and ${names.length - NAMES_SHOWN_COUNT} more` : shown;
}

function accepted({ problems, inForce }: PolicyView): Observation {
  if (problems.length === 0) return { type: 'Accepted', status: 'True', reason: 'Valid', message: 'The policy is valid and in force.' };
  const shown = problems.slice(0, PROBLEMS_SHOWN_COUNT).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  const more = problems.length > PROBLEMS_SHOWN_COUNT ? [`and ${problems.length - PROBLEMS_SHOWN_COUNT} more problems.`] : [];
  const instead = inForce ? 'Agents run by its last valid version.' : 'No agent can run by it.';
  const reason = inForce ? 'InvalidKeptPrevious' : 'Invalid';
  return { type: 'Accepted', status: 'False', reason, message: [instead, ...shown, ...more].join(' ') };
}

function selecting({ pods, disputed, targets }: PolicyView): Observation {
  const type = 'Selecting';
  if (pods.length > 0) {
    const message = `${pods.length} agent pod(s) run by it, towards ${targets} target(s): ${listed(pods)}.`;
    return { type, status: 'True', reason: 'PodsSelected', message };
  }
  if (disputed.length > 0)
    return { type, status: 'False', reason: 'OnlyDisputedPods', message: 'Every pod that it selects is claimed by another policy too.' };
  const message = 'It selects no agent pod: none has its labels or names it by the annotation cairn.dev/policy.';
  return { type, status: 'False', reason: 'NoPods', message };
}

function conflicting({ disputed }: PolicyView): Observation {
  const type = 'Conflicting';
  const [first] = disputed;
  if (!first) return { type, status: 'False', reason: 'NoConflict', message: 'No other policy selects the same pods.' };
  const message = `${disputed.length} pod(s) are selected by several policies and run by none: ${listed(disputed.map(({ pod }) => pod))}. ${first.pod} is selected by ${listed(first.policies)}; narrow a selector, or name one policy by the annotation cairn.dev/policy.`;
  return { type, status: 'True', reason: 'SeveralPolicies', message };
}

function resolved({ unknownProviders }: PolicyView): Observation {
  const type = 'ReferencesResolved';
  if (unknownProviders.length === 0) return { type, status: 'True', reason: 'Resolved', message: 'Everything that it names exists.' };
  const message = `The cluster has no IdentityProvider ${listed(unknownProviders)}; nobody it vouches for can launch these agents.`;
  return { type, status: 'False', reason: 'UnknownProvider', message };
}

/** Ready sums up: valid, undisputed, and everything that it names is there. A policy that waits for its pods is ready. */
export function observationsOf(view: PolicyView): Observation[] {
  const all = [accepted(view), conflicting(view), resolved(view)];
  const wrong = all.find(({ type, status }) => (status === 'True') === (type === 'Conflicting'));
  const enrolled = view.enrolled ? '' : ' Its namespace is not enrolled: pods without a sidecar pass it by.';
  const ready: Observation = wrong
    ? { type: 'Ready', status: 'False', reason: wrong.reason, message: wrong.message }
    : { type: 'Ready', status: 'True', reason: 'InForce', message: `Agents that it selects run by it.${enrolled}` };
  return [ready, ...all, selecting(view)];
}

/** What an operator that starts later falls back on; a policy too large for its status is kept in memory alone. */
export function recordOf(inForce: AuditPolicy | undefined): string | undefined {
  const text = inForce && JSON.stringify(inForce.spec);
  return text !== undefined && text.length <= MAX_LAST_VALID_CHARS ? text : undefined;
}
