export { ADMISSION_PATHS, createAdmissionServer, type AdmissionServer, type ServingCertificate } from './server.js';
export type { AdmissionCluster, AdmissionEvent, AdmissionLog, AdmissionOptions } from './options.js';
export { fencePolicies } from './manifests/fence.js';
export type { FenceOptions } from './manifests/fence-terms.js';
export { webhookConfigurations, type WebhookOptions } from './manifests/webhooks.js';
