export { runCertificates, type CertificatesOptions } from './act.js';
export { certificateView, type CertificateView } from './gather.js';
export { CA_SECONDS, LEAF_SECONDS, OVERLAP_SECONDS } from './limits.js';
