/** Whose subject token is presented, and whether it holds. */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { GRANT_TYPE, IdentityError, LAUNCH_TYPE } from '@cairn/identity';
import type { ServiceContext } from '../context.js';
import type { Subject } from './exchange.js';
import type { SubjectToken } from './form.js';
import type { Person } from './people.js';

/** What a `jwt` is, by its own header; verification then holds it to that. */
function kindOf(token: string): 'person' | 'launch' | 'grant' {
  try {
    const { typ } = decodeProtectedHeader(token);
    if (typ === LAUNCH_TYPE) return 'launch';
    return typ === GRANT_TYPE ? 'grant' : 'person';
  } catch {
    throw new IdentityError('malformed', 'it is not a signed JWT that can be read');
  }
}

function personOf({ people }: ServiceContext, token: string, kind: 'person' | 'assertion'): Promise<Person> {
  if (kind === 'assertion') return people.byAssertion(token);
  return people.isServiceAccountToken(token) ? people.byReview(token) : people.byToken(token);
}

/** Throws IdentityError. */
export async function verifySubject(context: ServiceContext, { subjectToken: token, subjectType }: SubjectToken): Promise<Subject> {
  const kind = subjectType === 'jwt' ? kindOf(token) : subjectType;
  if (kind === 'launch') return { kind, launch: await context.launches.verify(token) };
  if (kind === 'grant') return { kind, grant: await context.grants.verify(token), issued: decodeJwt(token).iat! };
  const { principal, login, issued } = await personOf(context, token, kind);
  return { kind: 'person', principal, login, issued };
}

/**
 * The person behind what only the token service takes: an assertion, which is good once, or a token that the API server
 * alone can judge. Throws IdentityError.
 */
export async function verifyPerson(context: ServiceContext, { subjectToken: token, subjectType }: SubjectToken): Promise<Person> {
  if (subjectType === 'assertion') return context.people.byAssertion(token);
  if (subjectType === 'jwt' && context.people.isServiceAccountToken(token)) return context.people.byReview(token);
  throw new IdentityError(
    'claims',
    'only a SAML assertion or a service account token is exchanged for an access token; present any other token as it is',
  );
}

/** Says which of the two tokens did not hold. */
export function naming<Verified>(parameter: string, verification: Promise<Verified>): Promise<Verified> {
  return verification.catch((error: unknown) => {
    throw error instanceof IdentityError ? new IdentityError(error.code, `${parameter}: ${error.message}`) : error;
  });
}
