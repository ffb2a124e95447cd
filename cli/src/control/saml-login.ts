/** A login at a SAML provider: the browser posts the assertion to the loopback, and the token service takes it. */
import type { IncomingMessage } from 'node:http';
import { createSamlVerifier, LOOPBACK_ACS, readSamlMessage, samlRequest, UsedOnce } from '@cairn/identity';
import { accessTokenFor, type TokenService } from './exchange.js';
import { FORM_BYTES } from './limits.js';
import { openLoopback } from './loopback.js';

export interface SamlLoginOptions extends TokenService {
  /** URL of the provider's metadata. */
  metadata: string;
  /** Cairn's entity ID at the provider. */
  entityId: string;
  /** Shows the person where to go. */
  show(url: string): void;
}

/** SAML bindings 3.5.4: a form with SAMLResponse. Throws beyond the limit. */
async function postedResponse(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > FORM_BYTES) throw new Error(`the provider's answer is larger than ${FORM_BYTES} bytes`);
    chunks.push(chunk);
  }
  const response = new URLSearchParams(Buffer.concat(chunks).toString('utf8')).get('SAMLResponse');
  if (request.method !== 'POST' || !response) throw new Error('the browser came back without a SAMLResponse');
  return Buffer.from(response, 'base64').toString('base64url');
}

/** The access token of the token service for whoever logs in. */
export async function loginBySaml(options: SamlLoginOptions): Promise<string> {
  const { metadata, entityId } = options;
  const verifier = createSamlVerifier({ metadata, entityId, groupsAttribute: '', recipients: [], replays: new UsedOnce() });
  const loopback = await openLoopback();
  try {
    const { id, url } = await samlRequest(await verifier.login(), entityId, `${loopback.origin}${LOOPBACK_ACS}`);
    const returned = loopback.returned(LOOPBACK_ACS, async (request) => {
      const assertion = await postedResponse(request);
      // The token service knows of no request: that the answer is to ours, and not somebody else's login, is seen here.
      await verifier.verify(await readSamlMessage(assertion), id);
      return assertion;
    });
    options.show(url);
    return await accessTokenFor(await returned, 'saml2', options);
  } finally {
    loopback.close();
  }
}
