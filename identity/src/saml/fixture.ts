/** For tests: a SAML identity provider whose metadata is served on a free port, and messages as it would sign them. */
// The decorators inside @peculiar/x509 need this polyfill, loaded first.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import * as x509 from '@peculiar/x509';
import { SignedXml } from 'xml-crypto';
import { startIssuer, type Issuer } from '../fixture.js';

const HOUR_MS = 3_600_000;
const C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const RSA_SHA256 = { signature: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', digest: 'http://www.w3.org/2001/04/xmlenc#sha256' };
export const RSA_SHA1 = { signature: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1', digest: 'http://www.w3.org/2000/09/xmldsig#sha1' };

export const ENTITY_ID = 'https://cairn.example/saml';
export const ACS = 'http://127.0.0.1:4321/saml/acs';

export interface SamlKey {
  /** PEM. */
  privateKey: string;
  certificate: string;
}

export async function samlKey(bits = 2048): Promise<SamlKey> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: bits };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=idp',
    keys,
    notBefore: new Date(now - HOUR_MS),
    notAfter: new Date(now + HOUR_MS),
    signingAlgorithm: algorithm,
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { privateKey: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), certificate: certificate.toString('pem') };
}

export interface AssertionParts {
  id: string;
  issuer: string;
  nameId: string;
  nameIdFormat: string;
  audience: string;
  recipient: string;
  inResponseTo: string;
  groups: readonly string[];
  /** Milliseconds from now. */
  issued: number;
  notBefore: number;
  notOnOrAfter: number;
  confirmedUntil: number;
  sessionUntil: number;
  /** Further elements of Conditions. */
  conditions: string;
  /** Replaces the whole AuthnStatement. */
  authentication: string;
  method: string;
}

const time = (offset: number): string => new Date(Date.now() + offset).toISOString();

export function assertionXml(issuer: string, parts: Partial<AssertionParts> = {}): string {
  const p: AssertionParts = {
    id: `_${randomUUID()}`,
    issuer,
    nameId: 'alice',
    nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    audience: ENTITY_ID,
    recipient: ACS,
    inResponseTo: '_request',
    groups: ['analysts', 'staff'],
    issued: 0,
    notBefore: -1000,
    notOnOrAfter: 60_000,
    confirmedUntil: 300_000,
    sessionUntil: HOUR_MS,
    conditions: '',
    authentication: `<saml:AuthnStatement AuthnInstant="${time(0)}" SessionNotOnOrAfter="${time(parts.sessionUntil ?? HOUR_MS)}"/>`,
    method: 'urn:oasis:names:tc:SAML:2.0:cm:bearer',
    ...parts,
  };
  const groups = p.groups.map((group) => `<saml:AttributeValue>${group}</saml:AttributeValue>`).join('');
  return `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${p.id}" IssueInstant="${time(p.issued)}" Version="2.0"><saml:Issuer>${p.issuer}</saml:Issuer><saml:Subject><saml:NameID Format="${p.nameIdFormat}">${p.nameId}</saml:NameID><saml:SubjectConfirmation Method="${p.method}"><saml:SubjectConfirmationData InResponseTo="${p.inResponseTo}" NotOnOrAfter="${time(p.confirmedUntil)}" Recipient="${p.recipient}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="${time(p.notBefore)}" NotOnOrAfter="${time(p.notOnOrAfter)}"><saml:AudienceRestriction><saml:Audience>${p.audience}</saml:Audience></saml:AudienceRestriction>${p.conditions}</saml:Conditions>${p.authentication}<saml:AttributeStatement><saml:Attribute Name="groups">${groups}</saml:Attribute><saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3" FriendlyName="email"><saml:AttributeValue>alice@example.com</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>`;
}

export function responseXml(issuer: string, inner: string, id = `_${randomUUID()}`): string {
  return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${id}" IssueInstant="${time(0)}" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>${inner}</samlp:Response>`;
}

/** Signs the element of that local name, after its Issuer, with the certificate in KeyInfo as providers do. */
export function signed(xml: string, element: 'Assertion' | 'Response', key: SamlKey, algorithms = RSA_SHA256): string {
  const xpath = `//*[local-name(.)='${element}']`;
  const signature = new SignedXml({
    privateKey: key.privateKey,
    publicCert: key.certificate,
    signatureAlgorithm: algorithms.signature,
    canonicalizationAlgorithm: C14N,
    getKeyInfoContent: (options) => (options ? SignedXml.getKeyInfoContent(options) : null),
  });
  const transforms = ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', C14N];
  signature.addReference({ xpath, transforms, digestAlgorithm: algorithms.digest });
  signature.computeSignature(xml, { location: { reference: `${xpath}/*[local-name(.)='Issuer']`, action: 'after' }, prefix: 'ds' });
  return signature.getSignedXml();
}

export function encoded(xml: string): string {
  return Buffer.from(xml, 'utf8').toString('base64url');
}

export interface SamlProvider {
  readonly entityId: string;
  /** URL of the metadata. */
  readonly metadata: string;
  readonly server: Issuer;
  key: SamlKey;
  /** Publishes these certificates from now on. */
  publish: (...keys: SamlKey[]) => void;
  /** An encoded response with a signed assertion. */
  login: (parts?: Partial<AssertionParts>, key?: SamlKey) => string;
}

export function metadataXml(entityId: string, keys: readonly SamlKey[], more = ''): string {
  const body = (pem: string): string => pem.replaceAll(/-----[^-]+-----|\s/g, '');
  const descriptors = keys.map(
    ({ certificate }) =>
      `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>${body(certificate)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<!-- a comment, as providers write them -->\n<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${entityId}"${more}><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">${descriptors.join('')}<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>`;
}

export async function startSamlProvider(t: TestContext): Promise<SamlProvider> {
  const server = await startIssuer(t, []);
  const entityId = `${server.issuer}/saml-idp`;
  const key = await samlKey();
  const provider: SamlProvider = {
    entityId,
    metadata: `${server.issuer}/metadata`,
    server,
    key,
    publish: (...keys) => void (server.answers['/metadata'] = { body: metadataXml(entityId, keys) }),
    login: (parts, by = provider.key) => encoded(responseXml(entityId, signed(assertionXml(entityId, parts), 'Assertion', by))),
  };
  provider.publish(key);
  return provider;
}
