/** What to say of an IdentityProvider. Pure. */
import type { Observation } from '../../kubernetes/index.js';
import { PROBLEMS_SHOWN_COUNT } from './limits.js';

export interface ProviderView {
  /** What is wrong with the stored version. */
  problems: readonly { path: string; message: string }[];
  kind: 'oidc' | 'saml';
  /** What came of asking it; undefined: it was not asked, because its version does not hold. */
  asked: { keys: number; failure?: undefined } | { keys?: undefined; failure: string } | undefined;
}

const DOCUMENTS = { oidc: 'Its discovery document and its key set', saml: 'Its metadata' } as const;

function accepted({ problems }: ProviderView): Observation {
  const type = 'Accepted';
  if (problems.length === 0) return { type, status: 'True', reason: 'Valid', message: 'The provider is valid and in force.' };
  const shown = problems.slice(0, PROBLEMS_SHOWN_COUNT).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  const more = problems.length > PROBLEMS_SHOWN_COUNT ? [`and ${problems.length - PROBLEMS_SHOWN_COUNT} more problems.`] : [];
  return { type, status: 'False', reason: 'Invalid', message: [...shown, ...more].join(' ') };
}

function reachable({ kind, asked }: ProviderView): Observation {
  const type = 'Reachable';
  if (!asked) return { type, status: 'Unknown', reason: 'NotAsked', message: 'It is asked once it is valid.' };
  if (asked.failure !== undefined) {
    const message = `${asked.failure}. People whose keys are not known yet can't log in; it is asked again every minute.`;
    return { type, status: 'False', reason: 'NotReached', message };
  }
  if (asked.keys === 0)
    return { type, status: 'False', reason: 'NoKeys', message: `${DOCUMENTS[kind]} were fetched, and name no key: nobody can log in.` };
  return { type, status: 'True', reason: 'Fetched', message: `${DOCUMENTS[kind]} could be fetched: ${asked.keys} signing key(s).` };
}

/** Ready sums up. */
export function observationsOf(view: ProviderView): Observation[] {
  const all = [accepted(view), reachable(view)];
  const wrong = all.find(({ status }) => status !== 'True');
  const ready: Observation = wrong
    ? { ...wrong, type: 'Ready', status: 'False' }
    : { type: 'Ready', status: 'True', reason: 'InForce', message: 'People that it vouches for can log in.' };
  return [ready, ...all];
}
