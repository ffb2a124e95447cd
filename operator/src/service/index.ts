export { createOperatorService, type ListenOptions, type OperatorService } from './service.js';
export type { AgentDescription, OperatorServiceOptions } from './options.js';
export { openKeyRing, type KeyRing } from './state/key-ring.js';
export type { LogEntry } from './http/basics.js';
export type { RegisteredKey, WitnessedCheckpoint } from './evidence/witness.js';
