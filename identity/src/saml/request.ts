import { randomBytes } from 'node:crypto';

export interface SamlRequest {
  /** What the answer's InResponseTo must be. */
  id: string;
  /** Where the person's browser begins. */
  url: string;
}

/** An AuthnRequest by HTTP-Redirect, to be answered by HTTP-POST at `recipient`. */
export async function samlRequest(login: string, entityId: string, recipient: string): Promise<SamlRequest> {
  const { SAML } = await import('@node-saml/node-saml');
  // xs:ID begins with a letter or underscore; 128 bits (SAML core 1.3.4).
  const id = `_${randomBytes(16).toString('hex')}`;
  const saml = new SAML({
    entryPoint: login,
    issuer: entityId,
    callbackUrl: recipient,
    idpCert: 'unused: answers are verified by the metadata',
    identifierFormat: null,
    disableRequestedAuthnContext: true,
    generateUniqueId: () => id,
  });
  return { id, url: await saml.getAuthorizeUrlAsync('', undefined, {}) };
}
