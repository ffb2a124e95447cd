export { ADMISSION_PATHS, createAdmissionServer, type AdmissionServer, type ServingCertificate } from './server.js';
export type { AdmissionCluster, AdmissionEvent, AdmissionLog, AdmissionOptions } from './options.js';
