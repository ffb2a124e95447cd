/** What Secret cairn-serving holds, and what must be trusted because of it. Pure. */
import { X509Certificate } from 'node:crypto';
import type { Secret } from '../../kubernetes/index.js';
import { BUNDLE_CAS_COUNT } from './limits.js';
import type { CertifiedKey } from './issue.js';

export interface HeldCertificates {
  signing: CertifiedKey;
  /** Is distributed and signs nothing yet. */
  next?: CertifiedKey;
  /** PEM of CAs that sign no more, the newest first. */
  previous: string[];
  leaf: CertifiedKey;
}

/** Entries of the Secret: tls.crt and tls.key are named as TLS Secrets are, ca.crt is everything to be trusted. */
const ENTRIES = {
  leafCert: 'tls.crt',
  leafKey: 'tls.key',
  bundle: 'ca.crt',
  signingCert: 'ca-signing.crt',
  signingKey: 'ca.key',
  nextCert: 'ca-next.crt',
  nextKey: 'ca-next.key',
} as const;

export function certificatesOf(pem: string): string[] {
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].map(([text]) => `${text}\n`);
}

/** PEM of every CA to be trusted: the one that signs first. */
export function bundleOf({ signing, next, previous }: HeldCertificates): string {
  return [signing.cert, ...(next ? [next.cert] : []), ...previous].slice(0, BUNDLE_CAS_COUNT).join('');
}

/** undefined where the Secret lacks a part: then everything is issued anew. */
export function heldCertificates(secret: Secret | undefined): HeldCertificates | undefined {
  const entry = (name: string): string => Buffer.from(secret?.data?.[name] ?? '', 'base64').toString('utf8');
  const signing = { cert: entry(ENTRIES.signingCert), key: entry(ENTRIES.signingKey) };
  const leaf = { cert: entry(ENTRIES.leafCert), key: entry(ENTRIES.leafKey) };
  if (![signing, leaf].every(readable)) return undefined;
  const next = { cert: entry(ENTRIES.nextCert), key: entry(ENTRIES.nextKey) };
  const known = new Set([signing.cert, next.cert]);
  const previous = certificatesOf(entry(ENTRIES.bundle)).filter((each) => !known.has(each));
  return { signing, leaf, previous, ...(readable(next) ? { next } : {}) };
}

function readable({ cert, key }: CertifiedKey): boolean {
  try {
    return key !== '' && new X509Certificate(cert).serialNumber !== '';
  } catch {
    return false;
  }
}

/** The entries as a merge patch: null removes. */
export function secretData(held: HeldCertificates): Record<string, string | null> {
  const texts: Record<string, string | undefined> = {
    [ENTRIES.leafCert]: held.leaf.cert,
    [ENTRIES.leafKey]: held.leaf.key,
    [ENTRIES.bundle]: bundleOf(held),
    [ENTRIES.signingCert]: held.signing.cert,
    [ENTRIES.signingKey]: held.signing.key,
    [ENTRIES.nextCert]: held.next?.cert,
    [ENTRIES.nextKey]: held.next?.key,
  };
  const encoded = (text: string | undefined): string | null => (text === undefined ? null : Buffer.from(text).toString('base64'));
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, encoded(text)]));
}
