export { createOperatorService, type ListenOptions, type OperatorService } from './service.js';
export type { AgentDescription, OperatorServiceOptions } from './options.js';
export { fileStores } from './files/stores.js';
export type { KeyRing, OpenStores, ServiceStores } from './stores.js';
export type { LogEntry } from './http/basics.js';
export type { RegisteredKey, WitnessedCheckpoint } from './stores.js';
