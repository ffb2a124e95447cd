import { issueForKey, type CertifiedKey } from '../controllers/certificates/issue.js';
import { POD_CERTIFICATE_SECONDS } from './limits.js';
import type { PodCertificates } from './options.js';

export interface CertificateAuthoritySource {
  /** The CA that signs now. */
  signing: () => CertifiedKey;
  /** PEM of every CA to be trusted. */
  bundle: () => string;
  /** Milliseconds; default Date.now. */
  clock?: () => number;
  /** How long a certificate holds; default POD_CERTIFICATE_SECONDS. */
  seconds?: number;
}

/** Certificates of pods, signed by the CA that signs the operator's own. */
export function podCertificates({
  signing,
  bundle,
  clock = Date.now,
  seconds = POD_CERTIFICATE_SECONDS,
}: CertificateAuthoritySource): PodCertificates {
  return {
    bundle,
    async issue(publicKey, use) {
      const now = clock();
      const certificate = await issueForKey(publicKey, use, signing(), now, seconds);
      return { certificate, expires: new Date(now + seconds * 1000) };
    },
  };
}
