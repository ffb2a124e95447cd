/** When a certificate is renewed and when a CA may sign. Pure. */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { HeldCertificates } from './held.js';
import { BACKDATE_SECONDS } from './limits.js';

export interface Lifetimes {
  caSeconds: number;
  leafSeconds: number;
  overlapSeconds: number;
}

export type CertificateStep =
  /** A CA and a leaf where there are none. */
  | 'Create'
  /** Another CA is to be distributed. */
  | 'IntroduceCa'
  /** The distributed CA signs from now on. */
  | 'SwitchCa'
  /** CAs that sign no more need not be trusted any longer. */
  | 'RetireCa'
  | 'RenewLeaf'
  | 'Nothing';

export interface CertificateFacts {
  held: HeldCertificates | undefined;
  /** Names that clients use. */
  names: readonly string[];
  /** Whether every ConfigMap and webhook configuration carries the bundle as it is now. */
  distributed: boolean;
  /** Milliseconds. */
  now: number;
  lifetimes: Lifetimes;
}

const issued = (cert: string): number => Date.parse(new X509Certificate(cert).validFrom) + BACKDATE_SECONDS * 1000;

/** Whether so many seconds passed since a certificate was issued. */
function isOlder(cert: string, seconds: number, now: number): boolean {
  return now - issued(cert) >= seconds * 1000;
}

function leafServes({ leaf, signing }: HeldCertificates, names: readonly string[]): boolean {
  const certificate = new X509Certificate(leaf.cert);
  const issuer = new X509Certificate(signing.cert);
  if (!certificate.verify(issuer.publicKey)) return false;
  return names.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined);
}

export function nextCertificateStep({ held, names, distributed, now, lifetimes }: CertificateFacts): CertificateStep {
  if (!held) return 'Create';
  const { caSeconds, leafSeconds, overlapSeconds } = lifetimes;
  if (!held.next && isOlder(held.signing.cert, caSeconds, now)) return 'IntroduceCa';
  if (held.next && distributed && isOlder(held.next.cert, overlapSeconds, now)) return 'SwitchCa';
  if (!leafServes(held, names) || isOlder(held.leaf.cert, (leafSeconds * 2) / 3, now)) return 'RenewLeaf';
  // The leaf of the CA that signs now was issued when it took over; what the previous one signed is served nowhere since.
  if (held.previous.length > 0 && isOlder(held.leaf.cert, overlapSeconds, now)) return 'RetireCa';
  return 'Nothing';
}
