/** The signature over an assertion, by node-saml: it finds what was signed and returns exactly that. */
import { IdentityError } from '../types.js';
import type { SamlMessage } from './message.js';
import { parseMessage } from './xml.js';

const TIMES_ARE_READ_HERE = -1;

/**
 * The assertion as the signature covers it: parsed from the canonical bytes whose digest held, not from the message.
 * Throws IdentityError `signature`.
 */
export async function verifiedAssertion(message: SamlMessage, certificates: string[]): Promise<Element> {
  const { SAML } = await import('@node-saml/node-saml');
  // node-saml checks neither Issuer nor Recipient, and reads its own clock: all of that is assertion.ts.
  const saml = new SAML({
    idpCert: certificates,
    issuer: 'cairn',
    callbackUrl: 'urn:unused',
    audience: false,
    acceptedClockSkewMs: TIMES_ARE_READ_HERE,
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: message.responseSigned,
  });
  const SAMLResponse = Buffer.from(message.xml, 'utf8').toString('base64');
  const verified = await saml.validatePostResponseAsync({ SAMLResponse }).catch(() => undefined);
  const xml = verified?.profile?.getAssertionXml?.();
  if (xml === undefined) {
    throw new IdentityError('signature', "the signature of the assertion does not hold with any certificate of the provider's metadata");
  }
  return parseMessage(xml, 'the signed assertion');
}
