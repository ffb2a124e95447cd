/** What is good for the token service alone becomes an access token that agents and the operator take (RFC 8693). */
import { readFile } from 'node:fs/promises';
import { ANSWER_MS } from './limits.js';
import { Refused } from './operator-api.js';

const TYPE = 'urn:ietf:params:oauth:token-type:';

export interface TokenService {
  /** The operator's address. */
  server: string;
  /** File of its certificate authority. */
  ca?: string;
}

interface Answer {
  access_token?: string;
  error_description?: string;
}

/** Throws Refused where the answer is no, and Error where there is none. */
export async function accessTokenFor(subject: string, type: 'saml2' | 'jwt', { server, ca }: TokenService): Promise<string> {
  const { Agent, fetch } = await import('undici');
  const dispatcher = new Agent(ca ? { connect: { ca: await readFile(ca, 'utf8') } } : {});
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subject,
    subject_token_type: `${TYPE}${type}`,
    requested_token_type: `${TYPE}access_token`,
  });
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(new URL('/oauth2/token', server), { dispatcher, signal, method: 'POST', body: form }).catch(
      (error: unknown) => {
        throw new Error(`the operator at ${server} was not reached`, { cause: error });
      },
    );
    const answer = (await response.json().catch(() => ({}))) as Answer;
    if (response.ok && answer.access_token) return answer.access_token;
    const said = answer.error_description ?? `the operator answered ${response.status}`;
    throw response.status < 500 ? new Refused(said) : new Error(said);
  } finally {
    await dispatcher.close();
  }
}
