/** A provider as its metadata describes it (SAML metadata 2.3, 2.4), fetched and renewed as keys are. */
import { X509Certificate } from 'node:crypto';
import { fetchDocument, trustedUrl } from '../fetch-json.js';
import { FetchAllowance } from '../keys.js';
import { NAME_CHARACTERS, RSA_BITS, SAML_CERTIFICATES } from '../limits.js';
import { Renewed } from '../renewed.js';
import { IdentityError } from '../types.js';
import { METADATA, REDIRECT_BINDING, SIGNATURE } from './names.js';
import { attribute, childrenNamed, isNamed, onlyChild, parseDocument, textOf, walk } from './xml.js';

export interface SamlMetadata {
  entityId: string;
  /** PEM, in the document's order: two while the provider changes its key. */
  certificates: string[];
  /** Where a login begins, by HTTP-Redirect. */
  login: string | undefined;
}

function unusable(sentence: string): IdentityError {
  return new IdentityError('unavailable', `the SAML metadata ${sentence}`);
}

/** Keys that cannot be used are left out: a provider may publish them for others. */
function pemOf(base64: string): string[] {
  try {
    const certificate = new X509Certificate(Buffer.from(base64, 'base64'));
    const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
    return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS ? [certificate.toString()] : [];
  } catch {
    return [];
  }
}

function certificatesOf(role: Element): string[] {
  const signing = childrenNamed(role, METADATA, 'KeyDescriptor').filter((key) => (attribute(key, 'use') ?? 'signing') === 'signing');
  const written = signing.flatMap((key) => [...walk(key)]).filter(({ element }) => isNamed(element, SIGNATURE, 'X509Certificate'));
  if (written.length > SAML_CERTIFICATES) throw unusable(`names more than ${SAML_CERTIFICATES} signing certificates`);
  return written.flatMap(({ element }) => pemOf(textOf(element)));
}

function loginOf(role: Element): string | undefined {
  const services = childrenNamed(role, METADATA, 'SingleSignOnService');
  const service = services.find((each) => attribute(each, 'Binding') === REDIRECT_BINDING);
  return service && attribute(service, 'Location');
}

/** Reads an EntityDescriptor. Throws IdentityError `unavailable` or `malformed`. */
export async function readMetadata(text: string, now: number): Promise<SamlMetadata> {
  const root = await parseDocument(text, 'the SAML metadata');
  if (!isNamed(root, METADATA, 'EntityDescriptor')) throw unusable('is no EntityDescriptor; give the address of one provider');
  const until = attribute(root, 'validUntil');
  if (until !== undefined && !(Date.parse(until) > now)) throw unusable('has expired (validUntil)');
  const entityId = attribute(root, 'entityID');
  const role = onlyChild(root, METADATA, 'IDPSSODescriptor');
  if (!entityId || entityId.length > 4 * NAME_CHARACTERS || !role) throw unusable('describes no identity provider');
  const certificates = certificatesOf(role);
  if (certificates.length === 0) throw unusable(`names no signing certificate with an RSA key of ${RSA_BITS} bits or more`);
  return { entityId, certificates, login: loginOf(role) };
}

/** SAML metadata, appendix A; many providers say plain XML. */
const ACCEPT = 'application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8';

/** The metadata of one provider. */
export class DescribedProvider {
  readonly #document: Renewed<SamlMetadata>;
  readonly #allowance: FetchAllowance;

  constructor(
    url: string,
    /** Milliseconds. */
    readonly clock: () => number,
  ) {
    const address = trustedUrl(url, 'the address of the SAML metadata');
    const fetched = (): ReturnType<typeof fetchDocument> => fetchDocument(address, 'the SAML metadata', { accept: ACCEPT });
    this.#document = new Renewed(async () => readMetadata((await fetched()).text, clock()), clock);
    this.#allowance = new FetchAllowance(clock);
  }

  get(): Promise<SamlMetadata> {
    return this.#document.get();
  }

  /** The metadata as it is now, to follow a change of keys; undefined where it was asked for too often. */
  async renewed(): Promise<SamlMetadata | undefined> {
    return this.#allowance.take() ? this.#document.renew() : undefined;
  }
}
