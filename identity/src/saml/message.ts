/**
 * A SAML response or assertion before anybody verified it: decoded, and of the one shape in which the signature can only
 * be over the assertion that is read (SAML core 5.4; "On Breaking SAML", Somorovsky et al., 2012). Pure but for loading
 * the parser.
 */
import { SAML_BYTES } from '../limits.js';
import { IdentityError } from '../types.js';
import { ALGORITHMS, ASSERTION, PROTOCOL, SIGNATURE, SUCCESS } from './names.js';
import { attribute, children, isNamed, onlyChild, parseMessage, textOf, undeclared, walk } from './xml.js';

export interface SamlMessage {
  /** A samlp:Response. */
  xml: string;
  /** Issuer that the assertion claims, to find its provider; nothing is believed yet. */
  claimedIssuer: string;
  /** Whether the response has a signature of its own, which then must hold, too. */
  responseSigned: boolean;
}

const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const ENCRYPTED = ['EncryptedAssertion', 'EncryptedID', 'EncryptedAttribute', 'EncryptedData'];
const ID_ATTRIBUTES = ['ID', 'Id', 'id', 'xml:id'];

function malformed(sentence: string): IdentityError {
  return new IdentityError('malformed', sentence);
}

function decode(text: string): string {
  if (text.length > Math.ceil(SAML_BYTES / 3) * 4) throw malformed(`the SAML message is larger than ${SAML_BYTES} bytes`);
  if (!BASE64.test(text)) throw malformed('the SAML message is not base64url (RFC 8693 3)');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length > SAML_BYTES) throw malformed(`the SAML message is larger than ${SAML_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw malformed('the SAML message is not UTF-8');
  }
}

function checkStatus(response: Element): void {
  const status = onlyChild(response, PROTOCOL, 'Status');
  const code = status && onlyChild(status, PROTOCOL, 'StatusCode');
  if (!code || attribute(code, 'Value') !== SUCCESS) throw new IdentityError('claims', 'the identity provider did not log the person in');
}

/** The one assertion: the root, or the child of a successful response. */
function assertionOf(root: Element): Element {
  if (isNamed(root, ASSERTION, 'Assertion')) return root;
  if (!isNamed(root, PROTOCOL, 'Response')) throw malformed('the SAML message is neither a Response nor an Assertion');
  checkStatus(root);
  const assertion = onlyChild(root, ASSERTION, 'Assertion');
  if (!assertion) throw malformed('the SAML response holds no assertion');
  return assertion;
}

function checkUnique(elements: readonly Element[]): void {
  const seen = new Set<string>();
  for (const element of elements) {
    for (const name of ID_ATTRIBUTES) {
      const id = attribute(element, name);
      if (id === undefined) continue;
      if (seen.has(id)) throw malformed('two elements of the SAML message have the same ID');
      seen.add(id);
    }
  }
}

function checkAlgorithm(element: Element): void {
  const allowed = element.namespaceURI === SIGNATURE ? ALGORITHMS[element.localName] : undefined;
  if (allowed && !allowed.includes(attribute(element, 'Algorithm') ?? '')) {
    throw new IdentityError(
      'algorithm',
      `the SAML message uses a ${element.localName} that is not accepted; have the provider sign with RSA and SHA-256, and exclusive canonicalization`,
    );
  }
}

/** A signature encloses nothing, and stands in the assertion or the response itself. */
function checkSignature(signature: Element, assertion: Element, root: Element): void {
  if (signature.parentNode !== assertion && signature.parentNode !== root) throw malformed('a signature stands where none belongs');
  if ([...walk(signature)].some(({ element }) => isNamed(element, SIGNATURE, 'Object'))) throw malformed('a signature encloses an Object');
}

function checkShape(root: Element, assertion: Element): void {
  const elements = [...walk(root)].map(({ element }) => element);
  if (elements.some(({ localName }) => ENCRYPTED.includes(localName))) {
    throw malformed('the SAML message is encrypted; turn assertion encryption off for Cairn at the provider (TLS protects it on its way)');
  }
  if (elements.filter(({ localName }) => localName === 'Assertion').length !== 1) throw malformed('the SAML message holds two assertions');
  if (elements.filter(({ localName }) => localName === 'Response').length > 1) throw malformed('the SAML message holds two responses');
  checkUnique(elements);
  for (const element of elements) {
    checkAlgorithm(element);
    if (element.localName === 'Signature') checkSignature(element, assertion, root);
  }
  if (signaturesOf(assertion) !== 1 || signaturesOf(root) > 1) {
    throw new IdentityError('signature', 'the assertion has no signature of its own; have the provider sign assertions');
  }
}

function signaturesOf(element: Element): number {
  return children(element).filter((child) => isNamed(child, SIGNATURE, 'Signature')).length;
}

/** An assertion by itself stands in a response from here on; exclusive canonicalization leaves its digest as it is. */
function enveloped(xml: string): string {
  return `<samlp:Response xmlns:samlp="${PROTOCOL}">${undeclared(xml)}</samlp:Response>`;
}

/**
 * Reads a base64url (or base64) encoded Response or Assertion. Throws IdentityError; its message repeats nothing of the
 * message.
 */
export async function readSamlMessage(text: string): Promise<SamlMessage> {
  const xml = decode(text);
  const root = await parseMessage(xml, 'the SAML message');
  const assertion = assertionOf(root);
  checkShape(root, assertion);
  const claimedIssuer = textOf(onlyChild(assertion, ASSERTION, 'Issuer'));
  const isResponse = root !== assertion;
  return { xml: isResponse ? undeclared(xml) : enveloped(xml), claimedIssuer, responseSigned: isResponse && signaturesOf(root) === 1 };
}
