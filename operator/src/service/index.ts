export { PREVIOUS_KEYS_COUNT } from './limits.js';
export { ownLaunchId } from './tokens/exchange.js';
export { createOperatorService, type ListenOptions, type OperatorService } from './service.js';
export type { AgentDescription, OperatorServiceOptions } from './options.js';
export { podCertificates } from './pod-certificates.js';
export { fileStores } from './files/stores.js';
export type { KeyRing, OpenStores, ServiceStores } from './stores.js';
export { admitDecision, votesAreSigned } from './approvals/admit.js';
export { ApprovalRefusal, type Approver } from './approvals/decide.js';
export { admitRevocation } from './revocations/admit.js';
export type { LogEntry } from './http/basics.js';
export type { RegisteredKey, WitnessedCheckpoint } from './stores.js';
export {
  createReviewedWorkloads,
  createTokenReviews,
  reviewBy,
  type PodStanding,
  type ReviewToken,
  type TokenReviews,
  type TokenReviewStatus,
} from './workloads/index.js';
